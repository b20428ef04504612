"""The one place where the past enters the network."""

from keras import ops

from adafuse_tf.layers.time_slice import drop_last


def previous_frame(x, state=None):
    """Shifts `x` by one frame along time.

    A clip is a stream that starts with no state: its first frame then sees zeros
    (`y_{-1} = 0` and `v_{-1} = 0` in the paper's notation).

    Args:
        x: Tensor `[B, T, ...]`.
        state: Tensor `[B, ...]`, the frame before `x[:, 0]`, or `None`.

    Returns:
        A tuple `(previous, new_state)`: `previous[:, t] = x[:, t - 1]`, of the shape
        and dtype of `x`, and the last frame `x[:, -1]`, `[B, ...]`.
    """
    if state is None:
        first = ops.zeros_like(x[:, :1])
    else:
        first = ops.cast(ops.expand_dims(state, 1), x.dtype)
    return ops.concatenate([first, drop_last(x)], axis=1), x[:, -1]
