"""Mixup: each clip of a batch blended with another, and their labels with them."""

import tensorflow as tf

from adafuse_tf.data.batching.pipeline import random_pairs
from adafuse_tf.data.batching.position import Position


def mixup_batches(
    dataset: tf.data.Dataset,
    num_classes: int,
    alpha: float,
    seed: int | None = None,
    position: Position | None = None,
) -> tf.data.Dataset:
    """Blends the clips of each batch; the labels become shares of the classes.

    Args:
        dataset: Batches of `(clips, labels)`, see `mix_batch`.
        num_classes: Number of labels K.
        alpha: See `mix_batch`.
        seed: Makes the batches repeat from one run to the next, as in `clips`.
        position: Instead of `seed`, as in `clips`; batches must have a known size.

    Returns:
        A dataset of `(clips, soft labels)`, see `mix_batch`.

    Raises:
        ValueError: `alpha` or `num_classes` is not positive, or batches that begin
            at a position have no known size.
    """
    if alpha <= 0:
        raise ValueError(f"`alpha` must be > 0. Received: alpha={alpha}")
    if num_classes < 1:
        raise ValueError(
            f"`num_classes` must be >= 1. Received: num_classes={num_classes}"
        )
    size = tf.nest.flatten(dataset.element_spec)[0].shape[0]
    if position is not None and size is None:
        raise ValueError(
            "With `position` all batches must have the same size; batch with "
            f"`drop_remainder=True`. Received: element_spec={dataset.element_spec}"
        )
    draws = random_pairs(seed, position, clips_per_pair=size)

    def mix(batch, draw):
        clips, labels = batch
        return mix_batch(clips, labels, num_classes, alpha, draw)

    dataset = tf.data.Dataset.zip(dataset, draws)
    dataset = dataset.map(mix, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return dataset.prefetch(tf.data.AUTOTUNE)


def mix_batch(
    clips: tf.Tensor,
    labels: tf.Tensor,
    num_classes: int,
    alpha: float,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Blends clip `b` with clip `B - 1 - b`, all frames by the same share.

    The formula is that of Model Garden's `MixupAndCutmix`, which draws from
    TensorFlow's global generator; here a seed gives the same batch twice.

    Args:
        clips: float `[B, T, H, W, 3]`.
        labels: Integers `[B]`.
        num_classes: Number of labels K.
        alpha: The share of each clip is drawn from Beta(alpha, alpha): near 0 or 1
            for a small `alpha`, near one half for a large one.
        seed: Two integers.

    Returns:
        The blended clips, as `clips`, and float32 `[B, K]`, each row of sum 1.
    """
    shares = _beta(tf.shape(clips)[0], alpha, seed)
    rest = 1 - shares
    one_hot = tf.one_hot(labels, num_classes)
    soft = shares[:, None] * one_hot + rest[:, None] * one_hot[::-1]
    column = [-1] + [1] * (clips.shape.rank - 1)
    mine = tf.cast(tf.reshape(shares, column), clips.dtype)
    other = tf.cast(tf.reshape(rest, column), clips.dtype)
    return mine * clips + other * clips[::-1], soft


def _beta(count: tf.Tensor, alpha: float, seed: tf.Tensor) -> tf.Tensor:
    draws = tf.random.stateless_gamma([2, count], seed, alpha)
    # Draws for a small `alpha` may both round to 0.
    return tf.math.divide_no_nan(draws[0], tf.reduce_sum(draws, 0))
