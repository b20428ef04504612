"""What a trained model sees in video files."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from adafuse_tf.data import Preprocessing, Sampler, VideoError, read_video
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
    forward = forward_pass(model)
    for path in paths:
        try:
            clip = read_clip(path, preprocessing, sampler or Sampler())
        except VideoError as error:
            yield error
            continue
        answer = as_numpy(forward(clip[None], {}))
        shares = tf.nn.softmax(answer["logits"][0].astype("float64")).numpy()
        best = np.argsort(-shares, kind="stable")[:top_k]
        yield Prediction(
            path=str(path),
            top=tuple((labels[i], float(shares[i])) for i in best),
            gmacs=float(answer["gmacs"][0]),
            policy=action_shares(answer["policies"].values()),
        )


def read_clip(
    path: str | Path, preprocessing: Preprocessing, sampler: Sampler
) -> tf.Tensor:
    """Reads a video as one clip `[T, crop, crop, 3]`, float32, as evaluation does."""
    frames = read_video(path)
    indices = sampler.clips(len(frames), preprocessing.num_frames)[0]
    return preprocessing.evaluate(frames[indices.numpy()])
