"""ResNet for clips, with a gate between the convolutions of its blocks."""

import dataclasses

import keras

from adafuse_tf import costs
from adafuse_tf.layers import ACTIONS, AdaptiveTemporalFusion, PerFrame
from adafuse_tf.layers.contract import whole_number
from adafuse_tf.models.gating import GateFactory, select_gates
from adafuse_tf.models.graph import is_graph
from adafuse_tf.models.resnet_blocks import BlockBuilder

BLOCKS_PER_STAGE = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3),
                    101: (3, 4, 23, 3)}  # fmt: skip
SHIFTS = ("none", "bidirectional", "causal")
STEM_WIDTH = 64


@keras.saving.register_keras_serializable(package="adafuse_tf")
class ResNet(keras.Model):
    """ResNet-18/34/50/101 ("v1.5", torch padding) applied to every frame of a clip.

    Keras constructs it from a graph, `ResNet(inputs, outputs, name)`, as any functional
    model; `clone_model` loses the cost table.

    Args:
        depth: 18, 34, 50 or 101.
        width: Multiplier of the channel counts; each stage is rounded to 8 channels.
        shift: `"none"` (TSN), `"bidirectional"` (TSM) or `"causal"`: temporal shift of
            the input of every block.
        shift_divisor: The shift takes `C // shift_divisor` channels a direction.
        gates: Where `AdaptiveTemporalFusion` sits, after the first convolution of a
            block: `"all"`, `"none"`, or a list of stages and blocks such as
            `["stage4"]` (the paper's "Last") or `["stage3_block0", "stage4"]`.
        shift_projection: Whether the projection shortcuts see the shifted input. By
            default as in the released models: with gates yes, in plain TSM no.
        policy, history, actions, hidden_units, hidden_quota, share_policies,
        group_size, adaptive_range, pooling, temperature, ratios, threshold, seed:
            Options of the gates, see `GateFactory`; the `hidden_quota` is that of full
            width. Options of the shift and of gates have no meaning without them.
        dtype: Precision, a `keras.DTypePolicy` (or `DTypePolicyMap`) or its name; by
            default `keras.config.dtype_policy()`. Policies and the pooled features are
            always float32.
        trainable: Whether the whole network is.
        name: Name of the model.

    Input shape:
        `frames`: `[B, T, H, W, 3]` float, normalised; any T, H and W.

    Output shape:
        `{"features": [B, T, C], "policies": {gate: [B, T, C', 3]}}`.

    Raises:
        ValueError: An option out of its range.

    Reference:
        K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.
        Y. Meng et al., AdaFuse, ICLR 2021, section 3.
    """

    def __init__(self, *args, cost_table=(), dtype=None, **kwargs):
        if not is_graph(args, kwargs):
            kwargs, cost_table = resnet_graph(*args, dtype=dtype, **kwargs)
            args = ()
        super().__init__(*args, **kwargs)
        self.dtype_policy = keras.dtype_policies.get(dtype)
        self._cost_table = tuple(
            op if isinstance(op, costs.Operation) else costs.Operation(**op)
            for op in cost_table
        )

    @property
    def cost_table(self):
        """The static cost table, a tuple of `costs.Operation`.

        Raises:
            ValueError: A clone made by `clone_model` has none.
        """
        if not self._cost_table:
            raise ValueError(
                f"'{self.name}' has no cost table, as clones of a ResNet have none: "
                "build it anew, or clone the VideoClassifier"
            )
        return self._cost_table

    @property
    def gates(self):
        """`dict[str, AdaptiveTemporalFusion]` in network order."""
        return {
            layer.name: layer
            for layer in self.layers
            if isinstance(layer, AdaptiveTemporalFusion)
        }

    def get_config(self):
        table = [dataclasses.asdict(op) for op in self._cost_table]
        dtype = keras.dtype_policies.serialize(self.dtype_policy)
        return {**super().get_config(), "cost_table": table, "dtype": dtype}


def resnet_graph(
    depth,
    width=1.0,
    shift="none",
    shift_divisor=8,
    gates="none",
    shift_projection=None,
    policy="learned",
    history="raw",
    actions=ACTIONS,
    hidden_units=None,
    hidden_quota=None,
    share_policies=False,
    group_size=1,
    adaptive_range=(0.0, 1.0),
    pooling="average",
    temperature=0.67,
    ratios=(0.37, 0.26, 0.37),
    threshold=0.1,
    seed=None,
    dtype=None,
    trainable=None,
    name=None,
):
    """The graph of a `ResNet`, whose arguments these are.

    Returns:
        `(arguments, cost_table)`: keyword arguments of a functional model, and the list
        of `costs.Operation`.
    """
    if depth not in BLOCKS_PER_STAGE:
        raise ValueError(
            f"`depth` must be one of {sorted(BLOCKS_PER_STAGE)}. "
            f"Received: depth={depth!r}"
        )
    if shift not in SHIFTS:
        raise ValueError(f"`shift` must be one of {SHIFTS}. Received: shift={shift!r}")
    if not width > 0:
        raise ValueError(f"`width` must be positive. Received: width={width!r}")
    names = [
        f"stage{stage}_block{block}"
        for stage, count in enumerate(BLOCKS_PER_STAGE[depth], 1)
        for block in range(count)
    ]
    gated = select_gates(gates, names)
    if hidden_quota is not None:
        # `quota // channels` units: with `width` times the channels, `width` times the
        # units.
        quota = whole_number("hidden_quota", hidden_quota)
        hidden_quota = max(1, round(quota * width**2))
    make_gate = GateFactory(
        policy=policy,
        history=history,
        actions=actions,
        hidden_units=hidden_units,
        hidden_quota=hidden_quota,
        share_policies=share_policies,
        group_size=group_size,
        adaptive_range=adaptive_range,
        pooling=pooling,
        temperature=temperature,
        ratios=ratios,
        threshold=threshold,
        seed=seed,
        dtype=dtype,
    )
    builder = BlockBuilder(
        shift=shift,
        shift_divisor=shift_divisor,
        shift_projection=bool(gated) if shift_projection is None else shift_projection,
        make_gate=make_gate,
        gated_blocks=gated,
        dtype=dtype,
    )
    frames = keras.Input((None, None, None, 3), name="frames", dtype="float32")
    x = builder.conv_bn(frames, _round(STEM_WIDTH * width), 7, 2, 2, "stem_conv")
    x = keras.layers.ReLU(dtype=dtype, name="stem_relu")(x)
    # Features are not negative here, so that padding with zeros changes no maximum.
    pad = keras.layers.ZeroPadding2D(1, dtype=dtype, name="stem_pool_pad")
    x = PerFrame(pad)(x)
    pool = keras.layers.MaxPooling2D(3, strides=2, dtype=dtype, name="stem_pool")
    x = PerFrame(pool)(x)
    block = builder.bottleneck if depth >= 50 else builder.basic
    total_stride = 4
    for name_ in names:
        stage = int(name_[len("stage")])
        stride = 2 if stage > 1 and name_.endswith("block0") else 1
        total_stride *= stride
        filters = _round(STEM_WIDTH * width * 2 ** (stage - 1))
        x = block(x, filters, stride, total_stride, name_)
    pool = keras.layers.GlobalAveragePooling2D(dtype="float32", name="pool")
    features = PerFrame(pool)(x)
    builder.operations += costs.global_average_pool("pool", x.shape[-1], 32)
    arguments = {
        "inputs": frames,
        "outputs": {"features": features, "policies": builder.policies},
        "trainable": trainable,
        "name": name,
    }
    return arguments, builder.operations


def _round(channels):
    """Whole multiples of 8, at least 8."""
    return max(8, int(channels / 8 + 0.5) * 8)
