"""Where in an image network a gate can sit.

A site is a tensor between the operations that make its channels and those that read
them. On the way to it every operation is channel-local, so that a channel which is not
needed need not be computed; behind it every operation keeps zeros, so that a channel
which is skipped need not be read.
"""

import dataclasses

from adafuse_tf.graph.operations import behaviour

# How many paths come together where an Inception module ends. Only of such an output of
# the whole network a gate is worth it: the paper has one behind the last module.
PATHS_OF_A_MODULE = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Place:
    """A site in the terms of the graph.

    Attributes:
        value: The tensor that is gated.
        producers: `[(call, start, stop)]`: which of the gated channels a call makes.
        between: Calls between the producers and the gate that have filters, too.
        paths: How many tensors come together there; 1 without a concatenation.
        consumers: `[(call, slices)]`: a call that reads gated channels, and which.
    """

    value: object
    producers: list
    between: list
    paths: int
    consumers: list

    @property
    def channels(self):
        """Number of gated channels."""
        return self.value.channels


def find(network, sizes):
    """All places of a network, in its order.

    Args:
        network: A `Network`.
        sizes: `dict[Value, int]`, the number of positions of each map.

    Returns:
        A list of pairs `(place, before_depthwise)` of `Place`: the second is for a
        place behind a depthwise convolution the one before it, where skipped channels
        save what makes them and that convolution alone; otherwise `None`.
    """
    order = {call: number for number, call in enumerate(network.calls)}
    complete, early = [], []
    for call in network.calls:
        for value in call.outputs:
            made = _producers(network, value)
            if made is None:
                continue
            for places, stop in ((complete, False), (early, True)):
                consumers = _consumers(network, value, stop, order)
                if consumers == [] and made[2] < PATHS_OF_A_MODULE:
                    continue
                if consumers is not None and not (stop and made[1]):
                    places.append(Place(value, *made, consumers))

    def merit(place):
        size = sizes.get(place.value) or 1
        return len(place.producers), -size * place.channels, order[place.value.call]

    chosen, taken = [], set()
    for place in sorted(complete, key=merit, reverse=True):
        calls = {call for call, _, _ in place.producers}
        if not calls & taken:
            taken |= calls
            chosen.append(place)
    before = {place.producers[0][0]: place for place in sorted(early, key=merit)}
    return [
        (place, before.get(place.producers[0][0]) if place.between else None)
        for place in sorted(chosen, key=lambda p: order[p.value.call])
    ]


def _producers(network, value):
    """`(producers, between, paths)` of a tensor that a gate may follow, or `None`."""
    region = _region(network, value)
    producers, between, free = [], {}, []
    activated = False
    seen = set()

    def walk(value, start, stop):
        nonlocal activated
        if (value, start) in seen:
            return True
        seen.add((value, start))
        if value not in region:
            free.append((start, stop))
            return True
        call = value.call
        behave = behaviour(call.operation)
        activated = activated or behave.activates
        if behave.kind == "mixing":
            producers.append((call, start, stop))
            return True
        if behave.kind == "concatenate":
            for part in call.inputs:
                if not walk(part, start, start + part.channels):
                    return False
                start += part.channels
            return start == stop
        if behave.depthwise:
            between[call] = None
        same = [
            v for v in call.inputs
            if v.channels == stop - start and not _is_scale(v, call.output, behave)
        ]  # fmt: skip
        inside = [v for v in same if v in region]
        # What is added must come from the same place, what multiplies need not.
        if behave.is_sum and len(inside) < len(same):
            return False
        if not inside:
            free.append((start, stop))
            return True
        passed = len(free)
        found = all(walk(v, start, stop) for v in inside)
        return found and not (behave.is_sum and len(free) > passed)

    if value.channels is None or not walk(value, 0, value.channels):
        return None
    producers.sort(key=lambda p: p[1])
    starts = [start for _, start, _ in producers]
    if not producers or not activated or len(set(starts)) < len(starts):
        return None
    return producers, list(between), len(producers) + len(free)


def _region(network, root):
    """The tensors between `root` and its producers that nothing else reads."""
    region, pending = {root}, [root]
    while pending:
        value = pending.pop()
        if value.call is None:
            region.discard(value)
            continue
        kind = behaviour(value.call.operation).kind
        if kind in ("local", "concatenate"):
            found = [v for v in value.call.inputs if v not in region]
            region.update(found)
            pending += found
        elif kind != "mixing":
            region.discard(value)
    outputs = set(network.outputs) - {root}
    while True:
        outside = {
            value
            for value in region - {root}
            if value in outputs or any(
                behaviour(call.operation).kind == "mixing"
                or not region.issuperset(call.outputs)
                for call in network.readers[value]
            )
        }  # fmt: skip
        if not outside:
            return region
        region -= outside


def _consumers(network, root, stop_at_depthwise, order):
    """`[(call, slices)]` of a gated tensor, or `None` where nothing may be gated.

    Nothing in the network reads its output.
    """
    slices = {root: [(root, 0, root.channels)]}
    spoiled = set()  # what depends on gated channels and is not zero with them
    consumers = []
    first = order[root.call] + 1
    for call in network.calls[first:]:
        read = [value for value in call.inputs if value in slices or value in spoiled]
        if not read:
            continue
        behave = behaviour(call.operation)
        if behave.kind == "mixing":
            if stop_at_depthwise or spoiled.intersection(read):
                return None
            consumers.append((call, slices[read[0]]))
            continue
        if behave.kind == "opaque":
            return None
        if behave.depthwise:
            if spoiled.intersection(read):
                return None
            consumers.append((call, slices[read[0]]))
            if stop_at_depthwise:
                continue
        after = slices_after(call, behave, slices, spoiled)
        if after is None:
            spoiled.update(call.outputs)
        else:
            slices[call.output] = after
    if root in network.outputs and not network.readers[root]:
        return []
    gone = {*slices, *spoiled}
    if not consumers or gone.intersection(network.outputs):
        return None
    return consumers


def slices_after(call, behave, slices, spoiled=frozenset()):
    """Which channels of a call's output are zero with those of a gate.

    Args:
        call: A `Call` that is channel-local or concatenates.
        behave: Its `Behaviour`.
        slices: `dict[Value, list]` of its inputs: `(gate, start, stop)` for each part
            of their channels that belongs to a gate, `None` for a part that does not.
        spoiled: Values that depend on gated channels and are not zero with them.

    Returns:
        Such a list for its output, or `None` where zeros do not stay zero.
    """
    if behave.kind == "concatenate":
        if spoiled.intersection(call.inputs):
            return None
        return [
            part
            for value in call.inputs
            for part in slices.get(value, [None] * bool(value.channels))
        ]
    if not behave.keeps_zero:
        return None
    zero = [value for value in call.inputs if value in slices]
    if not zero:
        return None
    if len(call.inputs) > len(zero) and not behave.is_product:
        return None
    if behave.is_sum and _adds_a_number(call):
        return None
    if _is_scale(zero[0], call.output, behave):
        return None
    return slices[zero[0]]


def _adds_a_number(call):
    """Whether a sum has a number among its terms, as in `x + 3`."""
    return len(call.inputs) < 2


def _is_scale(value, output, behave):
    """Whether a factor is no map but one number per channel, as of an attention."""
    if not behave.is_product:
        return False
    inside, whole = value.shape[1:-1], output.shape[1:-1]
    return len(inside) < len(whole) or any(
        n == 1 and m != 1 for n, m in zip(inside, whole, strict=True)
    )
