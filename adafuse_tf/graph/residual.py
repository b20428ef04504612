"""Blocks of a network: what comes together again, and where a shift goes."""

import dataclasses

from adafuse_tf.graph.operations import behaviour


class Ancestors:
    """Which tensor all ways from the image to another one go through.

    Args:
        network: A `Network`.
    """

    def __init__(self, network):
        self._parent, self._depth = {}, {}
        for value in network.inputs:
            self._parent[value], self._depth[value] = None, 0
        for call in network.calls:
            parent = self.common(call.inputs)
            for value in call.outputs:
                self._parent[value] = parent
                self._depth[value] = 0 if parent is None else self._depth[parent] + 1

    def common(self, values):
        """The last tensor that all ways to `values` go through; one of them, maybe.

        `None` where there is none, as for a constant.
        """
        if not values:
            return None
        first, *others = values
        for other in others:
            while first is not other and None not in (first, other):
                if self._depth[first] >= self._depth[other]:
                    first = self._parent[first]
                else:
                    other = self._parent[other]
            if first is not other:
                return None
        return first


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """A residual block.

    Attributes:
        convolutions: The calls of its branch that compute, in order.
        first: Those of them whose way from the block's input has none before.
        projection: First convolutions of its shortcut; empty for an identity.
    """

    convolutions: list
    first: list
    projection: list


def residual_blocks(network):
    """The residual blocks of a network, a list of `Block` in its order.

    A block ends in the sum of two maps. Of the two ways to them that with more
    convolutions is the branch, the other the shortcut.
    """
    ancestors = Ancestors(network)
    blocks = []
    for call in network.calls:
        terms = list(dict.fromkeys(call.inputs))
        if not behaviour(call.operation).is_sum or len(terms) != 2:
            continue
        start = ancestors.common(terms)
        if start is None or start in network.inputs:
            continue
        ways = [_way(network, start, end) for end in terms]
        shortcut, branch = sorted(ways, key=lambda way: len(way[0]))
        if len(branch[0]) > len(shortcut[0]):
            blocks.append(Block(*branch, shortcut[1]))
    return blocks


def _way(network, start, end):
    """`(convolutions, first ones)` between two tensors."""
    after = {start: False}  # whether a convolution lies before a tensor
    convolutions, first = [], []
    needed = _before(start, end)
    for call in network.calls:
        if call not in needed:
            continue
        before = any(after.get(value, False) for value in call.inputs)
        computes = is_convolution(call)
        if computes:
            convolutions.append(call)
            if not before:
                first.append(call)
        after.update(dict.fromkeys(call.outputs, before or computes))
    return convolutions, first


def _before(start, end):
    """The calls on the ways from one tensor to another."""
    found, pending = set(), [end]
    while pending:
        value = pending.pop()
        if value is start or value.call is None or value.call in found:
            continue
        found.add(value.call)
        pending += value.call.inputs
    return found


def is_convolution(call):
    """Whether a call mixes channels or has a filter for each."""
    behave = behaviour(call.operation)
    return behave.kind == "mixing" or behave.depthwise


def before_padding(call):
    """`(reader, value)`: what a convolution sees before any padding for it.

    The reader is the first of the padding layers, or the convolution itself.
    """
    reader, value = call, call.inputs[0]
    while value.call is not None and behaviour(value.call.operation).pads:
        reader = value.call
        value = reader.inputs[0]
    return reader, value
