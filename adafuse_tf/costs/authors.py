"""Costs as the released code of the paper reports them, the `"authors"` convention.

Its rules differ from exact MACs: frames always count as 224 x 224 pixels, batch
normalisation as two operations per value, dense layers (policy networks included) as
two per weight, and the producer's last frame repeats the decision of the one before.
Only convolutions are reduced by a policy. The published "GFLOPS" of an 8-frame clip are
8 times the figure per frame.
"""

from keras import ops

from adafuse_tf.costs.shares import idle_channels, part_of, skipped_channels

AUTHORS_FRAME_SIZE = 224


def authors_base(operations):
    """GFLOPs of one 224 x 224 frame with every channel kept, a float."""
    return sum(_gflops(op) for op in operations)


def authors_gflops(operations, policies, last_frame="authors", histories=None):
    """Average GFLOPs per frame of a batch, differentiable in the policies.

    Args:
        operations: Sequence of `Operation`.
        policies: `dict[str, Tensor]` of gate name to one-hot `[B, T, C, 3]`.
        last_frame: `"authors"` as released, or `"exact"` for paper Eq. 5 as written.
        histories: `dict[str, str]` of gate name to `"raw"` or `"fused"`; raw where
            absent, as in the release.

    Returns:
        A dict of scalars: `base` (all kept), `upb` (consumers' savings taken off) and
        `real` (producers' too).
    """
    base = upb = real = authors_base(operations)
    for op in operations:
        # Only convolutions are reduced; of dense layers both operations are counted.
        if op.authors != op.macs:
            continue
        # What an operation between two gates saves is added up, not multiplied.
        for share in op.consumes:
            skipped = skipped_channels(policies[share.gate])
            saved = _gflops(op) * share.weight * _mean(skipped, share)
            upb, real = upb - saved, real - saved
        for share in op.produces:
            history = (histories or {}).get(share.gate, "raw")
            idle = idle_channels(policies[share.gate], history, last_frame)
            real = real - _gflops(op) * share.weight * _mean(idle, share)
    return {"base": base, "upb": upb, "real": real}


def _mean(channels, share):
    return ops.mean(part_of(channels, share))


def _gflops(op):
    return op.authors * op.positions(AUTHORS_FRAME_SIZE, AUTHORS_FRAME_SIZE) / 1e9
