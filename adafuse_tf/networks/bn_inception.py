"""BN-Inception for images, in the arrangement of the released TSN models."""

import keras

STEM_WIDTHS = (64, 64, 192)
# Filters of each module: 1x1; reduction and 3x3; reduction and both double 3x3; pool
# projection. Modules without the first and the last halve the resolution.
MODULES = {
    "3a": (64, 64, 64, 64, 96, 32),
    "3b": (64, 64, 96, 64, 96, 64),
    "3c": (None, 128, 160, 64, 96, None),
    "4a": (224, 64, 96, 96, 128, 128),
    "4b": (192, 96, 128, 96, 128, 128),
    "4c": (160, 128, 160, 128, 160, 128),
    "4d": (96, 128, 192, 160, 192, 128),
    "4e": (None, 128, 192, 192, 256, None),
    "5a": (352, 192, 320, 160, 224, 128),
    "5b": (352, 192, 320, 192, 224, 128),
}
MAX_POOLED = ("5b",)


def BNInception(
    width=1.0, input_shape=(None, None, 3), dtype=None, name="bn_inception"
):
    """BN-Inception without its classifier, with torch's padding and rounding.

    Args:
        width: Multiplier of the channel counts; each convolution's is rounded to 8.
        input_shape: `(H, W, C)` of an image; H and W may be `None`.
        dtype: Precision of every layer, a `keras.DTypePolicy` or its name; by default
            `keras.config.dtype_policy()`.
        name: Name of the model.

    Input shape:
        `[B, H, W, C]` float, normalised.

    Output shape:
        `[B, H / 32, W / 32, 1024 * width]`, the last feature map, not pooled. The
        pools of the stem drop an odd row or column, all other strides keep it.

    Returns:
        A functional `keras.Model`. Its layers have the names of the release:
        `inception_3a_3x3`, its `..._bn` and `..._relu`; the result of a module is
        that of its `inception_3a_output`.

    Raises:
        ValueError: `width` is not positive.

    Reference:
        S. Ioffe, C. Szegedy, "Batch Normalization", ICML 2015.
        L. Wang et al., "Temporal Segment Networks", ECCV 2016.
    """
    if not 0 < width < float("inf"):
        raise ValueError(f"`width` must be positive. Received: width={width!r}")
    layers = _Layers(width, dtype)
    image = keras.Input(input_shape, name="image", dtype="float32")
    x = layers.conv(image, STEM_WIDTHS[0], 7, "conv1_7x7_s2", stride=2)
    x = layers.halving_max_pool(x, "pool1_3x3_s2")
    x = layers.conv(x, STEM_WIDTHS[1], 1, "conv2_3x3_reduce")
    x = layers.conv(x, STEM_WIDTHS[2], 3, "conv2_3x3")
    x = layers.halving_max_pool(x, "pool2_3x3_s2")
    for module in MODULES:
        x = layers.module(x, module)
    return keras.Model(image, x, name=name)


class _Layers:
    """Applies the layers of the network.

    Args:
        width: Multiplier of the channel counts.
        dtype: Precision of the layers.
    """

    def __init__(self, width, dtype):
        self.width = width
        self.dtype = dtype

    def module(self, x, module):
        """An Inception module: branches side by side, their channels joined."""
        one, reduce, three, double_reduce, double, projection = MODULES[module]
        name = f"inception_{module}"
        halves = projection is None
        stride = 2 if halves else 1

        branches = []
        if one is not None:
            branches.append(self.conv(x, one, 1, f"{name}_1x1"))
        y = self.conv(x, reduce, 1, f"{name}_3x3_reduce")
        branches.append(self.conv(y, three, 3, f"{name}_3x3", stride))
        y = self.conv(x, double_reduce, 1, f"{name}_double_3x3_reduce")
        y = self.conv(y, double, 3, f"{name}_double_3x3_1")
        branches.append(self.conv(y, double, 3, f"{name}_double_3x3_2", stride))
        if halves:
            y = self.halving_max_pool(x, f"{name}_pool", keep_odd=True)
        elif module in MAX_POOLED:
            y = keras.layers.MaxPooling2D(
                3, strides=1, padding="same", dtype=self.dtype, name=f"{name}_pool"
            )(x)
        else:
            y = self.average_pool(x, f"{name}_pool")
        if projection is not None:
            y = self.conv(y, projection, 1, f"{name}_pool_proj")
        branches.append(y)
        return keras.layers.Concatenate(dtype=self.dtype, name=f"{name}_output")(
            branches
        )

    def conv(self, x, filters, kernel, name, stride=1):
        """Convolution, batch normalisation and ReLU."""
        if stride > 1:
            # Keras' "same" pads strided convolutions on one side only; torch does not.
            x = self._pad(x, kernel // 2, name)
        x = keras.layers.Conv2D(
            _round(filters * self.width),
            kernel,
            strides=stride,
            padding="valid" if stride > 1 or kernel == 1 else "same",
            kernel_initializer="he_normal",
            dtype=self.dtype,
            name=name,
        )(x)
        # The release has 0.1 as Keras counts it, with which evaluation would depend on
        # little but the last batch of the training.
        x = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, dtype=self.dtype, name=f"{name}_bn"
        )(x)
        return keras.layers.ReLU(dtype=self.dtype, name=f"{name}_relu")(x)

    def halving_max_pool(self, x, name, keep_odd=False):
        """The maximum of 3x3 values, stride 2, windows from the first pixel on.

        The windows of torch's `ceil_mode` reach beyond the last pixel of an even size.
        Features are not negative here, so that zeros there change no maximum.

        Args:
            keep_odd: Whether an odd size has one window more, on its last pixel, as the
                convolutions beside this pool have; torch has none, and with it such
                sizes cannot be joined. For even sizes it makes no difference.
        """
        x = self._pad(x, ((0, 2), (0, 2)) if keep_odd else ((0, 1), (0, 1)), name)
        return keras.layers.MaxPooling2D(3, strides=2, dtype=self.dtype, name=name)(x)

    def average_pool(self, x, name):
        """The sum of 3x3 values over nine, also at the border."""
        # Keras' "same" would divide by the number of pixels inside the image.
        x = self._pad(x, 1, name)
        return keras.layers.AveragePooling2D(3, strides=1, dtype=self.dtype, name=name)(
            x
        )

    def _pad(self, x, padding, name):
        return keras.layers.ZeroPadding2D(
            padding, dtype=self.dtype, name=f"{name}_pad"
        )(x)


def _round(channels):
    """Whole multiples of 8, at least 8."""
    return max(8, int(channels / 8 + 0.5) * 8)
