"""What a trained model sees in video files."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from adafuse_tf.data import Preprocessing, Sampler, VideoError, read_video
from adafuse_tf.inference import ExportedModel
from adafuse_tf.training.evaluation import as_numpy, forward_pass
from adafuse_tf.training.tally import action_shares


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a model says about one video.

    Attributes:
        path: the video.
        top: `(label, probability)`, the most probable first.
        gmacs: cost of the clip in GMACs.
        policy: shares of `keep`, `reuse` and `skip`, every channel of every gate
            counting alike; None for a model without gates.
    """

    path: str
    top: tuple[tuple[str, float], ...]
    gmacs: float
    policy: dict[str, float] | None

    def __str__(self) -> str:
        top = ", ".join(f"{label} {share:.1%}" for label, share in self.top)
        line = f"{self.path}: {top}; {self.gmacs:.4g} GMACs"
        if self.policy is not None:
            shares = ", ".join(f"{name} {s:.0%}" for name, s in self.policy.items())
            line += f" ({shares})"
        return line


def predict_videos(
    model: keras.Model,
    preprocessing: Preprocessing,
    labels: Sequence[str],
    paths: Iterable[str | Path],
    top_k: int = 5,
    sampler: Sampler | None = None,
) -> Iterator[Prediction | VideoError]:
    """Classifies video files one after the other.

    Args:
        model, preprocessing, labels: what `load_trained` returns.
        paths: the files.
        top_k: number of classes to name.
        sampler: which frames make the clip; by default the centres of T segments. A
            run's own is `evaluation_sampler(ModelDir(name).read_config().task)`.

    Yields:
        For every path in order a `Prediction`, or the `VideoError` of a file that
        cannot be read.
    """
    forward, sampler = forward_pass(model), sampler or Sampler()

    def classify(path):
        answer = as_numpy(forward(read_clip(path, preprocessing, sampler)[None], {}))
        shares = tf.nn.softmax(answer["logits"][0].astype("float64")).numpy()
        policy = action_shares(answer["policies"].values())
        return shares, float(answer["gmacs"][0]), policy

    return _predict(classify, labels, paths, top_k)


def predict_videos_with_export(
    exported: ExportedModel,
    paths: Iterable[str | Path],
    top_k: int = 5,
) -> Iterator[Prediction | VideoError]:
    """As `predict_videos`, with what `open_exported` returned."""
    card = exported.card
    # A .tflite may have been written for another number than that of the training; an
    # export of steps alone has no clips, and says so when it is asked to run one.
    clip = exported.inputs.get("clip")
    num_frames = (clip and clip["frames"].shape[1]) or card.preprocessing.num_frames

    def classify(path):
        frames = card.fit(read_frames(path, num_frames, card.sampler))
        answer = exported.run("clip", frames=frames[None])
        policy = {
            name: float(answer[f"{name}_share"][0])
            for name in ("keep", "reuse", "skip")
            if card.gates
        }
        gmacs = float(answer["gmacs"][0])
        return answer["probabilities"][0], gmacs, policy or None

    return _predict(classify, card.labels, paths, top_k)


def _predict(
    classify: Callable, labels, paths, top_k
) -> Iterator[Prediction | VideoError]:
    for path in paths:
        try:
            shares, gmacs, policy = classify(path)
        except VideoError as error:
            yield error
            continue
        best = np.argsort(-shares, kind="stable")[:top_k]
        top = tuple((labels[i], float(shares[i])) for i in best)
        yield Prediction(str(path), top, gmacs, policy)


def read_clip(
    path: str | Path, preprocessing: Preprocessing, sampler: Sampler
) -> tf.Tensor:
    """Reads a video as one clip `[T, crop, crop, 3]`, float32, as evaluation does."""
    return preprocessing.evaluate(read_frames(path, preprocessing.num_frames, sampler))


def read_frames(path: str | Path, num_frames: int, sampler: Sampler) -> np.ndarray:
    """The frames of a video that make a clip, uint8 `[T, H, W, 3]`."""
    frames = read_video(path)
    indices = sampler.clips(len(frames), num_frames)[0]
    return frames[indices.numpy()]
