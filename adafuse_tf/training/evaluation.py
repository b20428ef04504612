"""What a model achieves on a data set, and what it costs there."""

from collections.abc import Callable, Iterable, Sequence

import keras
import numpy as np
import tensorflow as tf

from adafuse_tf.inference import draw_noise, run_with_noise
from adafuse_tf.training.model_dir import learned_policies
from adafuse_tf.training.tally import Tally

SAMPLING_SEEDS = (0, 1, 2)


class Evaluator:
    """Runs a classifier over data sets; its graph is traced once.

    Args:
        model: a `VideoClassifier`. Its present weights are used at each call.
    """

    def __init__(self, model: keras.Model):
        self._model = model
        self._forward = forward_pass(model)

    def tally(
        self,
        dataset: Iterable,
        to_model: Callable[[np.ndarray], np.ndarray] | None = None,
        num_views: int = 1,
    ) -> Tally:
        """Counts over a data set, with arg max policies.

        Args:
            dataset: batches of `(clips, labels)`.
            to_model: translates labels to the model's classes.
            num_views: see `tallies`.
        """
        return self.tallies(dataset, to_model, seeds=(), num_views=num_views)[0]

    def tallies(
        self,
        dataset: Iterable,
        to_model: Callable[[np.ndarray], np.ndarray] | None = None,
        seeds: Sequence[int] = SAMPLING_SEEDS,
        num_views: int = 1,
    ) -> tuple[Tally, list[Tally]]:
        """Counts over a data set, with arg max policies and with sampled ones.

        Args:
            dataset: batches of `(clips, labels)`; gone through once.
            to_model: translates labels to the model's classes.
            seeds: one sampled pass for each; ignored where no policy is learned.
            num_views: views of each clip that follow upon each other in the data set;
                their probabilities are averaged.

        Returns:
            The tally of arg max, and those of the seeds.

        Raises:
            ValueError: the data set is empty.
        """
        classes = self._model.num_classes
        argmax = Tally(classes, num_views)
        seeds = seeds if learned_policies(self._model) else ()
        sampled = [Tally(classes, num_views) for _ in seeds]
        for clips, labels in dataset:
            labels = np.asarray(labels)
            labels = labels if to_model is None else to_model(labels)
            # Numbered through the data set: a view gets the same noise in any batch.
            numbers = range(argmax.num_views, argmax.num_views + len(labels))
            argmax.add(labels, **as_numpy(self._forward(clips, {})))
            for seed, tally in zip(seeds, sampled, strict=True):
                noise = draw_noise(self._model, numbers, clips.shape[1], seed)
                tally.add(labels, **as_numpy(self._forward(clips, noise)))
        if not argmax.num_clips:
            raise ValueError("There is nothing to evaluate. Received: no clips")
        return argmax, sampled


def evaluate(
    model: keras.Model,
    dataset: Iterable,
    labels: Sequence[str],
    clip_shape: tuple[int, int, int],
    to_model: Callable[[np.ndarray], np.ndarray] | None = None,
    num_views: int = 1,
) -> dict:
    """Measures a classifier.

    Args:
        model: a `VideoClassifier`.
        dataset: batches of `(clips, labels)`.
        labels: names of the model's classes.
        clip_shape: `(T, H, W)`, for the cost of the dense twin.
        to_model: translates the data set's labels to the model's classes.
        num_views: views of each video that follow upon each other in the data set;
            their probabilities are averaged.

    Returns:
        The metrics, ready for JSON. Shares are in 0..1, costs in GMACs (policy networks
        included): `gmacs_per_clip` and `dense_gmacs_per_clip` of one view, and
        `gmacs_per_video_all_views`, the sum over the views of a video.
        `num_clips` counts videos, `confusion[i][j]` videos of class i taken for class
        j. `top1_sampled` and `gmacs_per_clip_sampled` are the means over
        `SAMPLING_SEEDS` of policies drawn as in training. These two, `policy` and
        `policy_per_gate` are None without gates.
    """
    argmax, sampled = Evaluator(model).tallies(dataset, to_model, num_views=num_views)
    return metrics_of(model, argmax, sampled, labels, clip_shape, num_views)


def metrics_of(
    model: keras.Model,
    argmax: Tally,
    sampled: Sequence[Tally],
    labels: Sequence[str],
    clip_shape: tuple[int, int, int],
    num_views: int = 1,
) -> dict:
    """What `evaluate` returns, from the tallies of arg max and of sampled policies."""
    dense = float(model.dense_gmacs(*clip_shape))
    return {
        "top1": argmax.top1,
        "top5": argmax.top5,
        "top1_sampled": _mean([tally.top1 for tally in sampled]),
        "loss": argmax.loss,
        "gmacs_per_clip": argmax.gmacs,
        "gmacs_per_clip_sampled": _mean([tally.gmacs for tally in sampled]),
        "dense_gmacs_per_clip": dense,
        "gmacs_per_video_all_views": argmax.gmacs * num_views,
        "saved": 1.0 - argmax.gmacs / dense,
        "policy": argmax.policy(),
        "policy_per_gate": argmax.policy_per_gate() or None,
        "num_clips": argmax.num_clips,
        "views_per_video": num_views,
        "labels": list(labels),
        "confusion": argmax.confusion.tolist(),
        "per_class": argmax.per_class(list(labels)),
    }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def forward_pass(model: keras.Model) -> Callable[[tf.Tensor, dict], dict]:
    """A compiled function from clips and noise to `logits`, `gmacs` and `policies`.

    The noise is a dict of gate name to Gumbel noise; empty for arg max policies.
    """
    view = model.with_outputs("logits", "gmacs", "policies")
    return tf.function(
        lambda clips, noise: run_with_noise(view, clips, noise), reduce_retracing=True
    )


def as_numpy(outputs: dict) -> dict:
    """Nested tensors as arrays."""
    return tf.nest.map_structure(lambda tensor: tensor.numpy(), outputs)
