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
    computed = computed_shares
    if computed is None:
        computed = {
            gate: computed_share(ops.cast(p, "float32"), histories.get(gate, "raw"))
            for gate, p in policies.items()
        }
    read = {gate: read_share(ops.cast(p, "float32")) for gate, p in policies.items()}
    return gmacs_of_shares(operations, computed, read, height, width)


def gmacs_of_shares(operations, computed, read, height, width):
    """GMACs per frame where of each gate's channels only shares are computed and read.

    Args:
        operations: Sequence of `Operation`.
        computed, read: `dict[str, Tensor]` of gate name to shares in [0, 1], float32,
            all of one shape, such as `[B, T]`: what is computed of the channels that
            the producer makes, and what is read of those that the consumer takes.
        height, width: Frame size in pixels, ints or scalar tensors.

    Returns:
        A tensor of the shape of the shares; as `static_gmacs` where no operation
        belongs to a gate.

    Raises:
        KeyError: An operation belongs to a gate without shares.
    """
    gated, free = {}, []
    for op in operations:
        if op.macs and (op.produces or op.consumes):
            gated.setdefault((op.produces, op.consumes), []).append(op)
        else:
            free.append(op)
    missing = {gate for pair in gated for gate in pair if gate} - set(read)
    if missing:
        raise KeyError(
            f"No policy for the gates {sorted(missing)}. Received policies for: "
            f"{sorted(read)}"
        )
    total = static_gmacs(free, height, width)
    if not gated:
        return total
    # Few operations however many gates: they are part of every exported graph.
    shares = [_share(computed, read, *pair) for pair in gated]
    dense = [static_gmacs(own, height, width) for own in gated.values()]
    spent = ops.stack(shares, axis=-1) * ops.stack(dense)
    return total + ops.sum(spent, axis=-1)


def _share(computed, read, produces, consumes):
    if not consumes:
        return computed[produces]
    if not produces:
        return read[consumes]
    return computed[produces] * read[consumes]


def _gmacs(op, height, width):
    positions = op.positions(height, width)
    if not isinstance(positions, int):
        positions = ops.cast(positions, "float32")
    return (op.macs / 1e9) * positions
