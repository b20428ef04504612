"""What a network costs, read from its layers."""

from adafuse_tf.costs.operation import Operation, Share
from adafuse_tf.graph.measured import measured_parts
from adafuse_tf.graph.network import Network
from adafuse_tf.graph.operations import behaviour, hint
from adafuse_tf.graph.sites import slices_after
from adafuse_tf.graph.sizes import extents_of
from adafuse_tf.layers import AdaptiveTemporalFusion, PerFrame


def cost_table(model):
    """The static cost table of an image network or a network of clips.

    Convolutions and dense layers that make or read the channels of a gate say so. What
    is read is what stays zero behind the gate; what is made is what nothing but the
    gate needs.

    Args:
        model: A functional `keras.Model` of frames `[B, H, W, C]` or of clips
            `[B, T, H, W, C]`.

    Returns:
        A list of `costs.Operation` in the order of the graph.

    Raises:
        ValueError: A layer whose cost cannot be told, with what to register.
    """
    return [row for _, row in rows_of(Network(model))]


def rows_of(network):
    """Pairs of a `Call` and a row of the cost table of a `Network`."""
    extents = extents_of(network)
    read, needed = _read(network), _needed(network)
    rows = []
    for call in network.calls:
        operation = call.operation
        if isinstance(operation, AdaptiveTemporalFusion):
            rows += [(call, row) for row in _policy_rows(operation)]
        for part in parts_of(call):
            where = {
                "output": extents[call.output],
                "input": extents[call.inputs[0]] if call.inputs else (),
                "frame": (),
            }[part.at]
            if where is None:
                raise ValueError(
                    f"How many positions '{call.name}' has cannot be told from the "
                    "size of the frames, so that its cost is not known"
                )
            row = Operation(
                call.name + part.suffix,
                part.macs,
                part.authors,
                where,
                _shares(needed.get(call.output)) if part.makes else (),
                _shares(read.get(call.inputs[0])) if part.reads else (),
            )
            rows.append((call, row))
    return rows


def parts_of(call):
    """The `Part`s of one call; those of an unknown layer are measured.

    Raises:
        ValueError: It is unknown and cannot be measured.
    """
    operation = call.operation
    behave = behaviour(operation)
    if isinstance(operation, PerFrame):
        operation = operation.layer
    if not behave.known:
        return measured_parts(call, operation)
    shapes = [value.shape for value in call.inputs]
    return behave.parts(operation, shapes, call.output.shape)


def unknown_layers(network):
    """What to do about unknown layers, a message for each class."""
    calls = {}
    for call in network.calls:
        if not behaviour(call.operation).known:
            calls.setdefault(type(call.operation), []).append(call)
    return [
        hint(same[0].operation, [call.name for call in same]) for same in calls.values()
    ]


def _policy_rows(gate):
    return [
        Operation(f"{gate.name}_policy_{part}", macs, authors)
        for part, macs, authors in gate.policy.costs
    ]


def _shares(slices):
    """`(slices, channels)` as the shares of an operation's cost."""
    if slices is None:
        return ()
    parts, channels = slices
    return tuple(
        Share(gate.name, start, stop, (stop - start) / channels)
        for gate, start, stop in filter(None, parts)
    )


def _read(network):
    """Which gated channels each tensor consists of, zero where they are skipped."""
    slices = {}
    for call in network.calls:
        if isinstance(call.operation, AdaptiveTemporalFusion):
            fused = call.outputs[0]
            slices[fused] = [(call.operation, 0, fused.channels)]
            continue
        if any(value in slices for value in call.inputs):
            after = slices_after(call, behaviour(call.operation), slices)
            if after is not None:
                slices[call.output] = after
    return {value: (parts, value.channels) for value, parts in slices.items()}


def _needed(network):
    """Which gated channels each tensor is made for, and for nothing else."""
    needed = {}
    for call in reversed(network.calls):
        for value in call.outputs:
            if value not in network.outputs:
                parts = _needed_by_all(network, value, needed)
                if parts is not None:
                    needed[value] = parts
    return {value: (parts, value.channels) for value, parts in needed.items()}


def _needed_by_all(network, value, needed):
    demands = [_needed_by(call, value, needed) for call in network.readers[value]]
    if not demands or None in demands:
        return None
    first = demands[0]
    return first if all(demand == first for demand in demands) else None


def _needed_by(call, value, needed):
    """What one reader needs of a tensor, as slices, or `None` for all of it."""
    operation = call.operation
    if isinstance(operation, AdaptiveTemporalFusion):
        x, y = call.inputs[:2]
        looked_at = value is x or getattr(operation.policy, "sees_output", False)
        if value is not y or looked_at:
            return None
        return [(operation, 0, value.channels)]
    kind = behaviour(operation).kind
    after = needed.get(call.output)
    if after is None or kind not in ("local", "concatenate"):
        return None
    if kind == "local":
        return after if value.channels == call.output.channels else None
    start, found = 0, None
    for part in call.inputs:
        if part is value:
            if found is not None:
                return None  # it is there twice
            found = start
        start += part.channels
    if len(after) != 1 or after[0] is None:
        return None
    gate, first, _ = after[0]
    return [(gate, first + found, first + found + value.channels)]
