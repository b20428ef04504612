"""Residual blocks on clips, in torchvision's arrangement ("v1.5")."""

import keras

from adafuse_tf import costs
from adafuse_tf.layers import LearnedPolicy, PerFrame, TemporalShift

KERNEL_INIT = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "untruncated_normal"},
}


class BlockBuilder:
    """Applies layers to clips and notes what each costs.

    Args:
        shift: `"none"`, `"bidirectional"` or `"causal"`.
        shift_divisor: The shift takes `C // shift_divisor` channels a direction.
        shift_projection: Whether the projection shortcut sees the shifted input.
        make_gate: `GateFactory`.
        gated_blocks: Names of the blocks with a gate.
        dtype: Precision of the layers.

    Attributes:
        operations: The cost table so far.
        policies: Gate name to symbolic policy.
    """

    def __init__(
        self,
        shift,
        shift_divisor,
        shift_projection,
        make_gate,
        gated_blocks,
        dtype=None,
    ):
        self.shift = shift
        self.shift_divisor = shift_divisor
        self.shift_projection = shift_projection
        self.make_gate = make_gate
        self.gated_blocks = set(gated_blocks)
        self.dtype = dtype
        self.operations = []
        self.policies = {}

    def conv_bn(self, x, filters, kernel, stride, total_stride, name, **gates):
        """Convolution and batch normalisation with torch's symmetric padding."""
        self.operations += [
            costs.conv2d(name, kernel, x.shape[-1], filters, total_stride, **gates),
            costs.batch_norm(f"{name}_bn", filters, total_stride),
        ]
        # Keras' "same" pads strided convolutions on one side only; torch does not.
        explicit = kernel > 1 and stride > 1
        if explicit:
            pad = keras.layers.ZeroPadding2D(
                kernel // 2, dtype=self.dtype, name=f"{name}_pad"
            )
            x = PerFrame(pad)(x)
        conv = keras.layers.Conv2D(
            filters,
            kernel,
            strides=stride,
            padding="valid" if explicit or kernel == 1 else "same",
            use_bias=False,
            kernel_initializer=keras.initializers.get(KERNEL_INIT),
            dtype=self.dtype,
            name=name,
        )
        bn = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, dtype=self.dtype, name=f"{name}_bn"
        )
        return PerFrame(bn)(PerFrame(conv)(x))

    def basic(self, x, filters, stride, total_stride, name):
        """Two 3x3 convolutions (ResNet-18/34), the gate between them."""
        return self._residual(
            x, name, stride, total_stride, filters, filters, kernels=(3, 3)
        )

    def bottleneck(self, x, filters, stride, total_stride, name):
        """1x1, 3x3 (strided), 1x1 (ResNet-50 and deeper), gate before the 3x3."""
        return self._residual(
            x, name, stride, total_stride, filters, 4 * filters, kernels=(1, 3, 1)
        )

    def _residual(self, x, name, stride, total_stride, filters, outputs, kernels):
        gated = name in self.gated_blocks
        gate = name if gated else None
        bottleneck = len(kernels) == 3
        inputs = x.shape[-1]
        # A bottleneck's stride is on its second convolution.
        first_stride = 1 if bottleneck else stride
        first_total = total_stride // stride if bottleneck else total_stride

        shifted = x
        if self.shift != "none":
            shifted = TemporalShift(
                self.shift, self.shift_divisor, dtype=self.dtype, name=f"{name}_shift"
            )(x)

        y = self.conv_bn(
            shifted, filters, kernels[0], first_stride, first_total,
            f"{name}_conv1", produces=gate if self.make_gate.saves_producer else None,
        )  # fmt: skip
        y = self._relu(y, f"{name}_conv1_relu")
        if gated:
            fusion = self.make_gate(name, inputs, filters)
            y, self.policies[name] = fusion(shifted, y)
            self.operations += policy_operations(name, fusion.policy)
        y = self.conv_bn(
            y, filters if bottleneck else outputs, kernels[1], stride // first_stride,
            total_stride, f"{name}_conv2", consumes=gate,
        )  # fmt: skip
        if bottleneck:
            y = self._relu(y, f"{name}_conv2_relu")
            y = self.conv_bn(y, outputs, 1, 1, total_stride, f"{name}_conv3")

        shortcut = x
        if stride != 1 or inputs != outputs:
            source = shifted if self.shift_projection else x
            shortcut = self.conv_bn(
                source, outputs, 1, stride, total_stride, f"{name}_projection"
            )
        y = keras.layers.Add(dtype=self.dtype, name=f"{name}_add")([y, shortcut])
        return self._relu(y, f"{name}_relu")

    def _relu(self, x, name):
        return keras.layers.ReLU(dtype=self.dtype, name=name)(x)


def policy_operations(gate, policy):
    """What the policy of a gate itself costs, rows of the table.

    Args:
        gate: Name of the gate.
        policy: A built policy layer; others than `LearnedPolicy` count as free.
    """
    if not isinstance(policy, LearnedPolicy):
        return []
    inputs, hidden = policy.hidden_dense.kernel.shape
    outputs = policy.output_dense.kernel.shape[1]
    return [
        costs.dense(f"{gate}_policy_hidden", inputs, hidden),
        costs.batch_norm(f"{gate}_policy_bn", hidden, None),
        costs.dense(f"{gate}_policy_output", hidden, outputs),
    ]
