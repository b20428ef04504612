"""Exact multiply-accumulates of a clip, the `"macs"` convention."""

import dataclasses

from keras import ops

from adafuse_tf.costs.shares import idle_channels, part_of, skipped_channels


def static_gmacs(operations, height, width):
    """GMACs of one frame with every channel kept: the sum of the table.

    Args:
        operations: Sequence of `Operation`.
        height, width: Frame size in pixels, ints or scalar tensors.

    Returns:
        GMACs, a float or a scalar tensor.
    """
    return sum(_gmacs(op, height, width) for op in operations if op.macs)


@dataclasses.dataclass(frozen=True)
class Streamed:
    """What a stream computes, frame after frame and without the future.

    Attributes:
        idle: `dict[str, Tensor]` of gate name to `[B, T, C]`, 1 for channels that are
            not computed.
        late: Likewise, 1 for channels of the frame before that are computed.
        skipped_before: Likewise, 1 for channels that the frame before skipped; of gates
            whose channels an operation reads that makes another gate's.
    """

    idle: dict
    late: dict
    skipped_before: dict


def clip_gmacs(operations, policies, height, width, histories=None, streamed=None):
    """GMACs per frame of each clip, as its policies ask for (paper Eq. 5).

    An operation between two gates costs its MACs times the share it computes times the
    share it reads, so that no saving counts twice. Differentiable in the policies.

    Args:
        operations: Sequence of `Operation`.
        policies: `dict[str, Tensor]` of gate name to one-hot `[B, T, C, 3]`.
        height, width: Frame size in pixels, ints or scalar tensors.
        histories: `dict[str, str]` of gate name to `"raw"` or `"fused"`; raw where
            absent.
        streamed: `Streamed`, instead of what is computed with the future known.

    Returns:
        `[B, T]` float32 tensor; sum over T for the clip.

    Raises:
        KeyError: An operation belongs to a gate that `policies` lacks.
    """
    policies = {gate: ops.cast(p, "float32") for gate, p in policies.items()}
    if streamed is None:
        histories = histories or {}
        idle = {
            gate: idle_channels(p, histories.get(gate, "raw"))
            for gate, p in policies.items()
        }
    else:
        idle = streamed.idle
    skipped = {gate: skipped_channels(p) for gate, p in policies.items()}
    computed = _left(operations, "produces", idle)
    read = _left(operations, "consumes", skipped)
    late, read_before = {}, {}
    if streamed is not None and streamed.skipped_before:
        kept = {gate: 1.0 - channels for gate, channels in streamed.late.items()}
        late = _left(operations, "produces", kept)
        read_before = _left(operations, "consumes", streamed.skipped_before)
    return gmacs_of_shares(operations, computed, read, height, width, late, read_before)


def gates_between(operations):
    """Gates whose channels an operation reads that makes channels of another gate."""
    return sorted(
        {
            share.gate
            for op in operations
            if op.macs and op.produces
            for share in op.consumes
        }
    )


def gmacs_of_shares(
    operations, computed, read, height, width, late=None, read_before=None
):
    """GMACs per frame where of each gate's channels only shares are computed and read.

    Args:
        operations: Sequence of `Operation`.
        computed, read: `dict[Share, Tensor]`, for each share of the operations how much
            of it is computed, or read, in [0, 1]; all float32 and of one shape, such as
            `[B, T]`.
        height, width: Frame size in pixels, ints or scalar tensors.
        late, read_before: Likewise, for operations between two gates: how much of what
            is computed belongs to the frame before, and how much of that was read.

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
    missing = {
        share.gate
        for produces, consumes in gated
        for shares, known in ((produces, computed), (consumes, read))
        for share in shares
        if share not in known
    }
    if missing:
        known = {share.gate for share in (*computed, *read)}
        raise KeyError(
            f"No policy for the gates {sorted(missing)}. Received policies for: "
            f"{sorted(known)}"
        )
    total = static_gmacs(free, height, width)
    if not gated:
        return total
    # Few operations however many gates: they are part of every exported graph.
    shares = [_product(_sum(computed, p), _sum(read, c)) for p, c in gated]
    if late:
        shares = [
            share + _free(late, p) * (_sum(read_before, c) - _sum(read, c))
            if p and c
            else share
            for share, (p, c) in zip(shares, gated, strict=True)
        ]
    dense = [static_gmacs(own, height, width) for own in gated.values()]
    spent = ops.stack(shares, axis=-1) * ops.stack(dense)
    return total + ops.sum(spent, axis=-1)


def _left(operations, side, unspent):
    """Of each share of the operations what is left of its channels, `[B, T]`."""
    shares = dict.fromkeys(
        share for op in operations if op.macs for share in getattr(op, side)
    )
    return {
        share: 1.0 - ops.mean(part_of(unspent[share.gate], share), axis=-1)
        for share in shares
        if share.gate in unspent
    }


def _free(known, shares):
    """The weighted sum of shares, without the channels that belong to no gate."""
    terms = [share.weight * known[share] for share in shares]
    return sum(terms[1:], terms[0])


def _sum(known, shares):
    """How much of an operation's channels is left, or `None` for all of them."""
    if not shares:
        return None
    free = 1.0 - sum(share.weight for share in shares)
    terms = [
        known[share] if share.weight == 1.0 else share.weight * known[share]
        for share in shares
    ]
    total = sum(terms[1:], terms[0])
    return total if abs(free) < 1e-9 else total + free


def _product(one, other):
    if one is None:
        return other
    return one if other is None else one * other


def _gmacs(op, height, width):
    positions = op.positions(height, width)
    if not isinstance(positions, int):
        positions = ops.cast(positions, "float32")
    return (op.macs / 1e9) * positions
