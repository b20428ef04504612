"""ResNet for clips, with a gate between the convolutions of its blocks."""

import keras

from adafuse_tf import costs
from adafuse_tf.layers import ACTIONS, AdaptiveTemporalFusion, PerFrame
from adafuse_tf.models.gating import GateFactory, select_gates
from adafuse_tf.models.resnet_blocks import BlockBuilder

BLOCKS_PER_STAGE = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3),
                    101: (3, 4, 23, 3)}  # fmt: skip
SHIFTS = ("none", "bidirectional", "causal")
STEM_WIDTH = 64


@keras.saving.register_keras_serializable(package="adafuse_tf")
class ResNet(keras.Model):
    """ResNet-18/34/50/101 ("v1.5", torch padding) applied to every frame of a clip.

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
            Options of the gates, see `GateFactory`.

    Input shape:
        `frames`: `[B, T, H, W, 3]` float, normalised; any T, H and W.

    Output shape:
        `{"features": [B, T, C], "policies": {gate: [B, T, C', 3]}}`.

    Attributes:
        cost_table: The static cost table, a tuple of `costs.Operation`.
        state_strides: Name of a layer that carries feature maps from frame to frame to
            the stride of these maps in input pixels.

    Raises:
        ValueError: An option out of its range.

    Reference:
        K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.
        Y. Meng et al., AdaFuse, ICLR 2021, section 3.
    """

    def __init__(
        self,
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
        name=None,
    ):
        if depth not in BLOCKS_PER_STAGE:
            raise ValueError(
                f"`depth` must be one of {sorted(BLOCKS_PER_STAGE)}. "
                f"Received: depth={depth!r}"
            )
        if shift not in SHIFTS:
            raise ValueError(
                f"`shift` must be one of {SHIFTS}. Received: shift={shift!r}"
            )
        if not width > 0:
            raise ValueError(f"`width` must be positive. Received: width={width!r}")
        names = [
            f"stage{stage}_block{block}"
            for stage, count in enumerate(BLOCKS_PER_STAGE[depth], 1)
            for block in range(count)
        ]
        gated = select_gates(gates, names)
        gate_options = dict(
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
        )

        # === Functional Model ===
        builder = BlockBuilder(
            shift=shift,
            shift_divisor=shift_divisor,
            shift_projection=bool(gated)
            if shift_projection is None
            else shift_projection,
            make_gate=GateFactory(**gate_options),
            gated_blocks=gated,
        )
        frames = keras.Input((None, None, None, 3), name="frames")
        x = builder.conv_bn(frames, _round(STEM_WIDTH * width), 7, 2, 2, "stem_conv")
        x = keras.layers.ReLU(name="stem_relu")(x)
        # Features are not negative here, so that padding with zeros changes no maximum.
        x = PerFrame(keras.layers.ZeroPadding2D(1, name="stem_pool_pad"))(x)
        x = PerFrame(keras.layers.MaxPooling2D(3, strides=2, name="stem_pool"))(x)
        block = builder.bottleneck if depth >= 50 else builder.basic
        total_stride = 4
        for name_ in names:
            stage = int(name_[len("stage")])
            stride = 2 if stage > 1 and name_.endswith("block0") else 1
            total_stride *= stride
            x = block(
                x, _round(STEM_WIDTH * width * 2 ** (stage - 1)), stride, total_stride,
                name_,
            )  # fmt: skip
        pool = keras.layers.GlobalAveragePooling2D(dtype="float32", name="pool")
        features = PerFrame(pool)(x)
        builder.operations += costs.global_average_pool("pool", x.shape[-1], 32)
        super().__init__(
            inputs=frames,
            outputs={"features": features, "policies": builder.policies},
            name=name,
        )

        # === Config ===
        self.cost_table = tuple(builder.operations)
        self.state_strides = builder.state_strides
        self._config = dict(
            depth=depth,
            width=width,
            shift=shift,
            shift_divisor=shift_divisor,
            gates=gates if isinstance(gates, str) else list(gates),
            shift_projection=shift_projection,
            **gate_options,
        )

    @property
    def gates(self):
        """`dict[str, AdaptiveTemporalFusion]` in network order."""
        return {
            layer.name: layer
            for layer in self.layers
            if isinstance(layer, AdaptiveTemporalFusion)
        }

    def get_config(self):
        return {**self._config, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def _round(channels):
    """Whole multiples of 8, at least 8."""
    return max(8, int(channels / 8 + 0.5) * 8)
