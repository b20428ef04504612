"""An image network becomes a network of clips, with gates and shifts in its graph."""

import copy
import os

import keras

from adafuse_tf.graph.find_sites import select_sites, sites_of, size_of
from adafuse_tf.graph.image_model import read_image_model
from adafuse_tf.graph.network import unique_name
from adafuse_tf.graph.residual import before_padding, residual_blocks
from adafuse_tf.layers import FoldTime, TemporalShift, UnfoldTime

SHIFTS = ("none", "bidirectional", "causal")
FEATURES = "features"


def lift(
    model,
    make_gate,
    gates="worthwhile",
    shift="none",
    shift_divisor=8,
    shift_projection=None,
    dtype=None,
):
    """The graph of a network of clips around an image model's own layers.

    Time is folded into the batch once, at the input; shifts and gates alone see clips.
    The image model keeps its layers and weights, which are used, not copied.

    Args:
        model: See `find_sites`.
        make_gate: `make_gate(name, input_channels, channels)` makes the gate of a site,
            see `models.gating.GateFactory`.
        gates: See `select_sites`.
        shift: `"none"`, `"bidirectional"` (TSM) or `"causal"`: temporal shift of what
            the first convolution of each residual branch sees.
        shift_divisor: The shift takes `C // shift_divisor` channels a direction.
        shift_projection: Whether the shortcuts with a convolution see the shifted map,
            too; by default where there are gates, as in the released models.
        dtype: Precision of shifts and of what this adds.

    Returns:
        `(frames, features, policies)`: the symbolic clip `[B, T, H, W, 3]`, features
        `[B, T, C]` and a dict of gate name to policy `[B, T, C', 3]`.

    Raises:
        TypeError, ValueError: A model that cannot be read; a shift where there are no
            residual branches; an option out of its range.
    """
    if shift not in SHIFTS:
        raise ValueError(f"`shift` must be one of {SHIFTS}. Received: shift={shift!r}")
    network = read_image_model(model)
    height, width = network.inputs[0].shape[1:3]
    sites = sites_of(network, model.name, size_of(network))
    shapes = [(site.policy_input.channels, site.channels) for site in sites]
    worthwhile = copy.copy(make_gate)
    worthwhile.fit(shapes, sites.gmacs, model.count_params())
    chosen = select_sites(
        sites,
        gates,
        lambda site: worthwhile.policy_gmacs(site.policy_input.channels, site.channels),
    )
    builder = _Builder(network, dtype)
    if shift != "none":
        if shift_projection is None:
            shift_projection = bool(chosen)
        builder.place_shifts(shift, shift_divisor, shift_projection)
        chosen = builder.without_shifted(chosen, named=not isinstance(gates, str))
    for site in chosen:
        builder.gates[site.place.value] = site
    shapes = [(site.policy_input.channels, site.channels) for site in chosen]
    make_gate.fit(shapes, sites.gmacs, model.count_params())
    return builder.build((height, width), make_gate)


class _Builder:
    """Calls the layers of an image network on folded clips."""

    def __init__(self, network, dtype):
        self.network = network
        self.dtype = dtype
        self.gates = {}  # Value -> Site
        self.shifts = {}  # Value -> TemporalShift
        self.shifted_readers = set()  # (Call, Value): those that see it shifted
        self.policies = {}
        self.names = {call.name for call in network.calls}
        self.clips = {}  # Value -> the tensor with its time
        self.shifted = {}  # Value -> the same after its shift, and folded again

    def place_shifts(self, shift, divisor, projections):
        """Notes which readers of which tensors see them shifted."""
        blocks = residual_blocks(self.network)
        if not blocks:
            raise ValueError(
                "There are no residual branches to shift in; take shift='none'. "
                f"Received: shift={shift!r}"
            )
        for block in blocks:
            for call in block.first:
                _, value = before_padding(call)
                if value not in self.shifts:
                    name = self.unique(f"{_block_name(block)}_shift")
                    self.shifts[value] = TemporalShift(
                        shift, divisor, dtype=self.dtype, name=name
                    )
            for call in block.first + (block.projection if projections else []):
                reader, value = before_padding(call)
                if value in self.shifts:
                    self.shifted_readers.add((reader, value))

    def without_shifted(self, sites, named):
        """Those sites whose channels no shift mixes with those of other frames."""
        kept = [
            site
            for site in sites
            if not any(
                before_padding(call) in self.shifted_readers
                for call, _ in site.place.consumers
            )
        ]
        if named and len(kept) < len(sites):
            lost = sorted({s.name for s in sites} - {s.name for s in kept})
            raise ValueError(
                f"Behind the gates {lost} comes a temporal shift, which puts channels "
                "of other frames among those that are skipped; leave them out of "
                "`gates`, or take shift='none'"
            )
        return kept

    def build(self, size, make_gate):
        """`(frames, features, policies)`."""
        frames = keras.Input((None, *size, 3), name="frames", dtype="float32")
        self.clip = frames
        fold = FoldTime(dtype=self.dtype, name=self.unique("fold"))
        self.tensors = {self.network.inputs[0]: fold(frames)}
        self.clips[self.network.inputs[0]] = frames
        for call in self.network.calls:
            results = call.run(lambda value, call=call: self.seen_by(call, value))
            self.tensors.update(zip(call.outputs, results, strict=True))
            for value in call.outputs:
                if value in self.gates:
                    self.add_gate(value, self.gates[value], make_gate)
        (output,) = self.network.outputs
        features = self.tensors[output]
        if len(features.shape) == 4:
            pool = keras.layers.GlobalAveragePooling2D(
                dtype="float32", name=self.unique("pool")
            )
            features = pool(features)
        return frames, self.unfolded(features, FEATURES), self.policies

    def seen_by(self, call, value):
        """The tensor that a call gets for a value."""
        if (call, value) in self.shifted_readers:
            return self.shift_of(value)[1]
        return self.tensors[value]

    def shift_of(self, value):
        """`(clip, folded)`: a tensor after its shift."""
        if value not in self.shifted:
            layer = self.shifts[value]
            clip = layer(self.as_clip(value))
            fold = FoldTime(dtype=self.dtype, name=self.unique(f"{layer.name}_fold"))
            self.shifted[value] = clip, fold(clip)
        return self.shifted[value]

    def as_clip(self, value):
        """A tensor with its time."""
        if value not in self.clips:
            name = f"{value.call.name}_clip"
            self.clips[value] = self.unfolded(self.tensors[value], name)
        return self.clips[value]

    def unfolded(self, tensor, name):
        layer = UnfoldTime(dtype=self.dtype, name=self.unique(name))
        return layer(tensor, self.clip)

    def add_gate(self, value, site, make_gate):
        """Puts the gate of a site behind a tensor."""
        source = site.policy_input
        producers = [call for call, _, _ in site.place.producers]
        # Of several producers the policy sees what they have in common, which may be
        # further up than what is shifted for one of them.
        reads_shifted = source in self.shifts and any(
            before_padding(call) in self.shifted_readers for call in producers
        )
        x = self.shift_of(source)[0] if reads_shifted else self.as_clip(source)
        y = self.unfolded(self.tensors[value], f"{site.name}_clip")
        gate = make_gate(self.unique(site.name), x.shape[-1], value.channels)
        fused, self.policies[gate.name] = gate(x, y)
        fold = FoldTime(dtype=self.dtype, name=self.unique(f"{site.name}_fold"))
        self.tensors[value] = fold(fused)
        self.clips[value] = fused

    def unique(self, name):
        """A name that no layer has, this one or numbered."""
        return unique_name(name, self.names)


def _block_name(block):
    """What the names of a block's convolutions start with."""
    names = [call.name + "_" for call in block.convolutions]
    common = os.path.commonprefix(names)
    return common[: max(common.rfind("_"), 0)] or block.first[0].name
