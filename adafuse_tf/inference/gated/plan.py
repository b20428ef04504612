"""What a trained ResNet consists of, read out of its Keras layers."""

import dataclasses

import tensorflow as tf

from adafuse_tf.graph import network
from adafuse_tf.inference.gated.fold import FoldedConv, fold
from adafuse_tf.inference.gated.policy import GroupPolicy, group_policy
from adafuse_tf.layers import (
    AdaptiveTemporalFusion,
    FoldTime,
    FrameLSTM,
    TemporalShift,
)


@dataclasses.dataclass(frozen=True)
class Block:
    """A residual block.

    Attributes:
        name: Such as `"stage1_block0"`; its gate is called the same.
        convs: Two (basic) or three (bottleneck) convolutions.
        projection: Convolution of the shortcut, or None.
        fold: Channels that the causal shift takes from the frame before; 0 without.
        shift_projection: Whether the projection sees the shifted input.
        policy: Of the gate after the first convolution; None where all is kept.
        history: `"raw"` or `"fused"`.
    """

    name: str
    convs: tuple[FoldedConv, ...]
    projection: FoldedConv | None
    fold: int
    shift_projection: bool
    policy: GroupPolicy | None
    history: str


@dataclasses.dataclass(frozen=True)
class Network:
    """A classifier as constants: stem, blocks, and a linear layer on the average.

    Attributes:
        stem: 7x7 convolution, before ReLU and 3x3 max pooling.
        blocks: The residual blocks in order.
        classifier: `(kernel [C, K], bias [K])`.
    """

    stem: FoldedConv
    blocks: tuple[Block, ...]
    classifier: tuple


def read_network(model):
    """Reads a `VideoClassifier`.

    Raises:
        ValueError: A model that cannot stream, or one that averages with an LSTM.
    """
    if any(isinstance(layer, FrameLSTM) for layer in model.layers):
        raise ValueError(
            "The gated view averages the logits of the frames. "
            "Received: consensus='lstm'"
        )
    backbone = model
    names = {layer.name: layer for layer in backbone.layers}
    check_resnet(model)
    sources = _sources(model)
    shifts = (layer for layer in backbone.layers if isinstance(layer, TemporalShift))
    if any(layer.mode == "bidirectional" for layer in shifts):
        raise ValueError(
            "A model that shifts in both directions needs the next frame, so it "
            "cannot stream. Received: shift='bidirectional'"
        )

    def conv(name):
        layers = backbone.get_layer(name), backbone.get_layer(f"{name}_bn")
        return fold(*layers)

    def block(name):
        parts = [f"{name}_conv{i}" for i in (1, 2, 3)]
        gate = backbone.get_layer(name) if name in names else None
        shifted = f"{name}_shift" in names
        projected = f"{name}_projection" in names
        follows = (
            shifted
            and projected
            and names[f"{name}_shift"] in sources[f"{name}_projection"]
        )
        gated = isinstance(gate, AdaptiveTemporalFusion)
        return Block(
            name=name,
            convs=tuple(conv(part) for part in parts if part in names),
            projection=conv(f"{name}_projection") if projected else None,
            fold=backbone.get_layer(f"{name}_shift").fold if shifted else 0,
            shift_projection=follows,
            policy=group_policy(gate) if gated else None,
            history=gate.history if gated else "raw",
        )

    classifier = model.get_layer("classifier")
    return Network(
        stem=conv("stem_conv"),
        blocks=tuple(
            block(name.removesuffix("_conv1"))
            for name in names
            if name.endswith("_conv1")
        ),
        classifier=tuple(tf.nest.map_structure(
            lambda v: v.numpy(), (classifier.kernel, classifier.bias)
        )),
    )  # fmt: skip


def check_resnet(model):
    """Raises ValueError unless a model is a ResNet with the paper's gates at most."""
    names = {layer.name for layer in model.layers}
    blocks = {n.removesuffix("_conv1") for n in names if n.endswith("_conv1")}
    if "stem_conv" not in names or not blocks:
        raise ValueError(
            "Only ResNets of this package are computed without what gates leave out. "
            f"Received: '{model.name}', which has no layers 'stem_conv' and "
            "'stage1_block0_conv1'"
        )
    others = [gate for gate in model.gates if gate not in blocks]
    if others:
        raise ValueError(
            "Only gates behind the first convolution of a block can leave something "
            f"out, as gates='paper' puts them. Received: gates {others}"
        )


def _sources(model):
    """The layers before each, up to the last one that computes, by layer name."""
    sources = {}
    for call in network.Network(model).calls:
        sources[call.name] = found = set()
        for value in call.inputs:
            before = value.call
            if before is None:
                continue
            found.add(before.operation)
            if isinstance(before.operation, FoldTime):
                found |= sources[before.name]
    return sources
