"""Discrete choices that gradients pass through (Gumbel-softmax)."""

import keras
from keras import ops


def gumbel_noise(shape, seed):
    """Draws standard Gumbel noise, float32, of the given shape."""
    # The lower bound keeps log() finite; float32 uniform() can return 0.
    uniform = keras.random.uniform(shape, minval=1e-20, maxval=1.0, seed=seed)
    return -ops.log(-ops.log(uniform))


def one_hot_argmax(x):
    """One-hot of the first maximum along the last axis, in the dtype of `x`.

    Ties go to the lower index as in `np.argmax`. `ops.argmax` is avoided because its
    lowering needs an operation outside LiteRT's built-in set.
    """
    is_max = ops.cast(ops.equal(x, ops.max(x, axis=-1, keepdims=True)), x.dtype)
    is_first = ops.cast(ops.cumsum(is_max, axis=-1) < 1.5, x.dtype)
    return is_max * is_first


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
    soft = ops.softmax(scores / temperature, axis=-1)
    hard = ops.stop_gradient(one_hot_argmax(scores))
    # The difference is exactly zero, so the forward value stays exactly 0 or 1.
    return hard + (soft - ops.stop_gradient(soft))
