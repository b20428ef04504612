"""Which share of a gate's channels must be computed, and which is read."""

from keras import ops

from adafuse_tf.layers.actions import KEEP, REUSE, SKIP
from adafuse_tf.layers.previous_frame import previous_frame
from adafuse_tf.layers.time_slice import drop_first, drop_last


def computed_share(policy, history="raw", last_frame="exact"):
    """Share of the producer's channels computed per frame (paper Eq. 5, first term).

    With `history="raw"` channel i is computed at t iff it is kept at t or reused at
    t + 1; after the last frame nothing is reused. With `"fused"`, iff it is kept.

    Args:
        policy: `[B, T, C, 3]` one-hot, differentiable where it is straight-through.
        history: `"raw"` or `"fused"`.
        last_frame: `"exact"`, or `"authors"`: the released code takes the keep of frame
            T - 2 for the last frame. For T = 1 the two are the same.

    Returns:
        `[B, T]` float tensor in [0, 1].
    """
    return 1.0 - ops.mean(idle_channels(policy, history, last_frame), axis=-1)


def idle_channels(policy, history="raw", last_frame="exact"):
    """Which of the producer's channels are not computed; see `computed_share`.

    Returns:
        `[B, T, C]` float tensor in [0, 1].
    """
    actions = ops.unstack(policy, axis=-1)
    keep, reuse = actions[KEEP], actions[REUSE]
    if history == "fused":
        return 1.0 - keep
    idle = (1.0 - drop_last(keep)) * (1.0 - drop_first(reuse))
    # The last two frames' first one; for T = 1 that is the only one.
    last = 1.0 - (keep[:, -2:][:, :1] if last_frame == "authors" else keep[:, -1:])
    return ops.concatenate([idle, last], axis=1)


def streamed_idle(policy, missing, history="raw"):
    """As `idle_channels`, but billed when a stream computes it, without the future.

    What frame t reuses and frame t - 1 did not keep is computed late, at t. Over a
    whole stream the sum is that of `computed_share`.

    Args:
        policy: `[B, T, C, 3]` one-hot.
        missing: `[B, C]`, 1 where the frame before the first did not compute a channel;
            zeros at the start of a stream, whose history is known to be zero.
        history: `"raw"` or `"fused"`.

    Returns:
        `(idle, late, missing)`: `[B, T, C]`, 1 for what is not computed; `[B, T, C]`, 1
        for what is computed of the frame before; and `[B, C]` for the next call.
    """
    actions = ops.unstack(policy, axis=-1)
    keep, reuse = actions[KEEP], actions[REUSE]
    before, last = previous_frame(1.0 - keep, missing)
    late = ops.zeros_like(reuse) if history == "fused" else reuse * before
    return 1.0 - keep - late, late, last


def read_share(policy):
    """Share of the consumer's input channels read per frame (Eq. 5, second term).

    Returns:
        `[B, T]` float tensor: 1 - the share of skipped channels.
    """
    return 1.0 - ops.mean(skipped_channels(policy), axis=-1)


def skipped_channels(policy):
    """Which channels the consumer does not read, `[B, T, C]` in [0, 1]."""
    return ops.unstack(policy, axis=-1)[SKIP]


def part_of(channels, share):
    """Of `[B, T, C]` the channels of a `Share`."""
    if not share.start and share.stop in (None, channels.shape[-1]):
        return channels
    return channels[..., share.start : share.stop]
