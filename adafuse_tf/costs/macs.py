"""Exact multiply-accumulates of a clip, the `"macs"` convention."""

from keras import ops

from adafuse_tf.costs.shares import computed_share, read_share


def static_gmacs(operations, height, width):
    """GMACs of one frame with every channel kept: the sum of the table.

    Args:
        operations: Sequence of `Operation`.
        height, width: Frame size in pixels, ints or scalar tensors.

    Returns:
        GMACs, a float or a scalar tensor.
    """
    return sum(_gmacs(op, height, width) for op in operations if op.macs)


def clip_gmacs(
    operations, policies, height, width, histories=None, computed_shares=None
):
    """GMACs per frame of each clip, as its policies ask for (paper Eq. 5).

    An operation between two gates costs its MACs times the share it computes times the
    share it reads, so that no saving counts twice. Differentiable in the policies.

    Args:
        operations: Sequence of `Operation`.
        policies: `dict[str, Tensor]` of gate name to one-hot `[B, T, C, 3]`.
        height, width: Frame size in pixels, ints or scalar tensors.
        histories: `dict[str, str]` of gate name to `"raw"` or `"fused"`; raw where
            absent.
        computed_shares: `dict[str, Tensor]` of gate name to `[B, T]`, instead of
            `computed_share` of the policies.

    Returns:
        `[B, T]` float32 tensor; sum over T for the clip.

    Raises:
        KeyError: An operation belongs to a gate that `policies` lacks.
    """
    histories = histories or {}
    gated = [op for op in operations if op.macs and (op.produces or op.consumes)]
    free = [op for op in operations if op.macs and not (op.produces or op.consumes)]
    missing = {g for op in gated for g in (op.produces, op.consumes) if g} - set(
        policies
    )
    if missing:
        raise KeyError(
            f"No policy for the gates {sorted(missing)}. Received policies for: "
            f"{sorted(policies)}"
        )
    computed = computed_shares
    if computed is None:
        computed = {
            gate: computed_share(ops.cast(p, "float32"), histories.get(gate, "raw"))
            for gate, p in policies.items()
        }
    read = {gate: read_share(ops.cast(p, "float32")) for gate, p in policies.items()}
    total = static_gmacs(free, height, width)
    for op in gated:
        share = 1.0
        if op.produces:
            share = share * computed[op.produces]
        if op.consumes:
            share = share * read[op.consumes]
        total = total + _gmacs(op, height, width) * share
    return total


def _gmacs(op, height, width):
    positions = op.positions(height, width)
    if not isinstance(positions, int):
        positions = ops.cast(positions, "float32")
    return (op.macs / 1e9) * positions
