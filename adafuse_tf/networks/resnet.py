"""ResNet ("v1.5", torch's padding) as a plain Keras network of images."""

import keras

BLOCKS_PER_STAGE = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3),
                    101: (3, 4, 23, 3)}  # fmt: skip
STEM_WIDTH = 64
_KERNEL_INIT = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "untruncated_normal"},
}


def ResNet(depth, width=1.0, input_shape=(None, None, 3), dtype=None, name=None):
    """ResNet-18/34/50/101 without its classifier.

    Layers are called `stage1_block0_conv1` and so on. A bottleneck has its stride on
    the 3x3 convolution, and strided layers pad symmetrically, as in torchvision.

    Args:
        depth: 18, 34, 50 or 101.
        width: Multiplier of the channel counts; each stage is rounded to 8 channels.
        input_shape: `(height, width, 3)`; `None` for any size.
        dtype: Precision of the layers, a `keras.DTypePolicy` or its name; by default
            `keras.config.dtype_policy()`.
        name: Name of the model.

    Returns:
        A functional `keras.Model`, float images `[B, H, W, 3]` that are normalised to
        maps `[B, ⌈H / 32⌉, ⌈W / 32⌉, C]`.

    Raises:
        ValueError: An option out of its range.

    Reference:
        K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.
    """
    if depth not in BLOCKS_PER_STAGE:
        raise ValueError(
            f"`depth` must be one of {sorted(BLOCKS_PER_STAGE)}. "
            f"Received: depth={depth!r}"
        )
    if not 0 < width < float("inf"):
        raise ValueError(f"`width` must be positive. Received: width={width!r}")
    net = BlockLayers(dtype)
    images = keras.Input(input_shape, name="images", dtype="float32")
    x = net.conv_bn(images, _round(STEM_WIDTH * width), 7, 2, "stem_conv")
    x = net.relu(x, "stem_relu")
    # Features are not negative here, so that padding with zeros changes no maximum.
    x = keras.layers.ZeroPadding2D(1, dtype=dtype, name="stem_pool_pad")(x)
    x = keras.layers.MaxPooling2D(3, strides=2, dtype=dtype, name="stem_pool")(x)
    block = net.bottleneck if depth >= 50 else net.basic
    for stage, count in enumerate(BLOCKS_PER_STAGE[depth], 1):
        filters = _round(STEM_WIDTH * width * 2 ** (stage - 1))
        for number in range(count):
            stride = 2 if stage > 1 and number == 0 else 1
            x = block(x, filters, stride, f"stage{stage}_block{number}")
    return keras.Model(images, x, name=name or f"resnet{depth}")


class BlockLayers:
    """Makes and calls the layers of a ResNet.

    Args:
        dtype: Precision of the layers.
    """

    def __init__(self, dtype):
        self.dtype = dtype

    def basic(self, x, filters, stride, name):
        """Two 3x3 convolutions (ResNet-18/34)."""
        y = self.conv_bn(x, filters, 3, stride, f"{name}_conv1")
        y = self.relu(y, f"{name}_conv1_relu")
        y = self.conv_bn(y, filters, 3, 1, f"{name}_conv2")
        return self.add(x, y, stride, name)

    def bottleneck(self, x, filters, stride, name):
        """1x1, 3x3 (strided), 1x1 (ResNet-50 and deeper)."""
        y = self.conv_bn(x, filters, 1, 1, f"{name}_conv1")
        y = self.relu(y, f"{name}_conv1_relu")
        y = self.conv_bn(y, filters, 3, stride, f"{name}_conv2")
        y = self.relu(y, f"{name}_conv2_relu")
        y = self.conv_bn(y, 4 * filters, 1, 1, f"{name}_conv3")
        return self.add(x, y, stride, name)

    def add(self, x, y, stride, name):
        """The sum of a branch and the shortcut, projected where shapes differ."""
        if stride != 1 or x.shape[-1] != y.shape[-1]:
            x = self.conv_bn(x, y.shape[-1], 1, stride, f"{name}_projection")
        y = keras.layers.Add(dtype=self.dtype, name=f"{name}_add")([y, x])
        return self.relu(y, f"{name}_relu")

    def conv_bn(self, x, filters, kernel, stride, name):
        """Convolution and batch normalisation with torch's symmetric padding."""
        # Keras' "same" pads strided convolutions on one side only; torch does not.
        explicit = kernel > 1 and stride > 1
        if explicit:
            x = keras.layers.ZeroPadding2D(
                kernel // 2, dtype=self.dtype, name=f"{name}_pad"
            )(x)
        x = keras.layers.Conv2D(
            filters,
            kernel,
            strides=stride,
            padding="valid" if explicit or kernel == 1 else "same",
            use_bias=False,
            kernel_initializer=keras.initializers.get(_KERNEL_INIT),
            dtype=self.dtype,
            name=name,
        )(x)
        return keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, dtype=self.dtype, name=f"{name}_bn"
        )(x)

    def relu(self, x, name):
        """The nonlinearity."""
        return keras.layers.ReLU(dtype=self.dtype, name=name)(x)


def _round(channels):
    """Whole multiples of 8, at least 8."""
    return max(8, int(channels / 8 + 0.5) * 8)
