"""Discrete choices that gradients pass through (Gumbel-softmax)."""

import functools

import keras
import tensorflow as tf
from keras import ops


def gumbel_noise(shape, seed):
    """Draws standard Gumbel noise, float32, of the given shape.

    On each of several devices of a `tf.distribute` strategy it is that device's part of
    the noise of the whole batch, in the order of the devices: a batch meets the same
    noise however many they are.

    Args:
        shape: The batch first.
        seed: int or `keras.random.SeedGenerator`.
    """
    size, devices, device = shape[0], 1, 0
    context = tf.distribute.get_replica_context()
    if context is not None:
        devices = context.num_replicas_in_sync
        device = context.replica_id_in_sync_group
    # Every device draws for all, since Keras gives all the same seed. The lower bound
    # keeps log() finite; float32 uniform() can return 0.
    uniform = keras.random.uniform(
        (devices * size, *shape[1:]), minval=1e-20, maxval=1.0, seed=seed
    )
    begin = (device * size, *(0 for _ in shape[1:]))
    return -ops.log(-ops.log(ops.slice(uniform, begin, shape)))


def one_hot_argmax(x):
    """One-hot of the first maximum along the last axis, in the dtype of `x`.

    Ties go to the lower index as in `np.argmax`. Where a score is NaN the result is
    NaN: an all-zero choice would hide it. `ops.argmax` is avoided because its lowering
    needs an operation outside LiteRT's built-in set.
    """
    scores = ops.unstack(x, axis=-1)
    best = functools.reduce(ops.maximum, scores)
    free, chosen = ops.ones_like(best), []
    for score in scores:
        chosen.append(free * ops.cast(ops.equal(score, best), x.dtype))
        free = free - chosen[-1]
    # A sum, since a maximum may pass over a NaN.
    total = sum(scores[1:], scores[0])
    return ops.stack([show_nan(choice, total) for choice in chosen], axis=-1)


def show_nan(x, source):
    """`x`, and NaN where `source` of the same shape is NaN."""
    # Not `x + 0 * source`, which optimisers of graphs fold away.
    return ops.where(ops.equal(source, source), x, float("nan"))


def softmax(x):
    """Softmax along a last axis of a few entries.

    TensorFlow's own takes several times as long on so short an axis.
    """
    scores = ops.unstack(x, axis=-1)
    # The result does not depend on what is subtracted, so neither does its gradient.
    best = ops.stop_gradient(functools.reduce(ops.maximum, scores))
    weights = [ops.exp(score - best) for score in scores]
    total = sum(weights[1:], weights[0])
    return ops.stack([weight / total for weight in weights], axis=-1)


def straight_through_argmax(scores, temperature):
    """One-hot arg max forward, softmax at `temperature` backward.

    With `scores = log p + Gumbel noise` this is the hard Gumbel-softmax of paper
    Eq. 7-8.

    Args:
        scores: Float tensor `[..., A]`.
        temperature: Positive scalar τ.

    Returns:
        Tensor `[..., A]`, exactly 0 or 1, with the gradient of
        `softmax(scores / temperature)`.
    """
    soft = softmax(scores / temperature)
    hard = ops.stop_gradient(one_hot_argmax(scores))
    # The difference is exactly zero, so the forward value stays exactly 0 or 1.
    return hard + (soft - ops.stop_gradient(soft))
