"""What a policy does to a feature map (paper Eq. 3)."""

import tensorflow as tf
from keras import ops

from adafuse_tf.layers.actions import KEEP, REUSE
from adafuse_tf.layers.previous_frame import previous_frame

HISTORIES = ("raw", "fused")

# From so many frames on, a recurrent history is a loop in the graph.
_LONG_CLIP = 17


def fuse(y, policy, history, state=None):
    """`ỹ_t = 1[keep]·y_t + 1[reuse]·h_{t-1}`, skipped channels are zero.

    Args:
        y: The producer's activated output `[B, T, H, W, C]`.
        policy: One-hot `[B, T, C, 3]` in the order (skip, reuse, keep).
        history: `"raw"`: `h_{t-1} = y_{t-1}` (the paper). `"fused"`: what was emitted,
            `h_{t-1} = ỹ_{t-1}`.
        state: `h` of the frame before the first, `[B, H, W, C]`, or `None` for zeros.

    Returns:
        A tuple `(ỹ, new_state)` of the shapes of `y` and `state`.
    """
    policy = ops.expand_dims(ops.cast(policy, y.dtype), (2, 3))
    actions = ops.unstack(policy, axis=-1)
    keep, reuse = actions[KEEP], actions[REUSE]
    if history == "raw":
        previous, last = previous_frame(y, state)
        return y * keep + previous * reuse, last
    return _fuse_recurrent(y * keep, reuse, state)


def _fuse_recurrent(kept, reuse, state):
    """Scans `ỹ_t = kept_t + reuse_t · ỹ_{t-1}` along time."""
    init = ops.zeros_like(kept[:, 0]) if state is None else state
    init = ops.cast(init, kept.dtype)
    if (kept.shape[1] or _LONG_CLIP) < _LONG_CLIP:
        # Cheaper than a loop, and phones' converters handle it better.
        fused, last = [], init
        for t in range(kept.shape[1]):
            last = kept[:, t] + reuse[:, t] * last
            fused.append(last)
        return ops.stack(fused, axis=1), last

    # Not `ops.scan`, whose loop XLA cannot compile.
    fused = tf.scan(
        lambda last, now: now[0] + now[1] * last,
        (ops.moveaxis(kept, 1, 0), ops.moveaxis(reuse, 1, 0)),
        init,
    )
    return ops.moveaxis(fused, 0, 1), fused[-1]
