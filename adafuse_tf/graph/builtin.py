"""The layers and operations of Keras, of its applications and of this package."""

import dataclasses
import math

import keras

from adafuse_tf.graph.operations import (
    Behaviour,
    Part,
    behaviour,
    define,
    define_operations,
)
from adafuse_tf.layers import (
    AdaptiveTemporalFusion,
    AverageConsensus,
    FoldTime,
    FrameLSTM,
    PerFrame,
    TemporalShift,
    UnfoldTime,
)

_layers = keras.layers
_OPAQUE = Behaviour("opaque")
_SAME = Behaviour("opaque", size="same")
_LOCAL = Behaviour("local", size="same")
_KEEPS = Behaviour("local", size="same", keeps_zero=True)
_ACTIVATION = dataclasses.replace(_KEEPS, activates=True)


# Convolutions and dense layers.


def _conv_parts(layer, inputs, output):
    macs = math.prod(layer.kernel.shape) + layer.filters * int(layer.use_bias)
    return [Part(macs, macs)]


def _depthwise_parts(layer, inputs, output):
    macs = (math.prod(layer.kernel_size) + int(layer.use_bias)) * output[-1]
    return [Part(macs, macs)]


def _separable_parts(layer, inputs, output):
    between = inputs[0][-1] * layer.depth_multiplier
    depthwise = math.prod(layer.kernel_size) * between
    pointwise = (between + int(layer.use_bias)) * output[-1]
    return [
        Part(depthwise, depthwise, "_depthwise", makes=False),
        Part(pointwise, pointwise, "_pointwise"),
    ]


def _transposed_parts(layer, inputs, output):
    macs = math.prod(layer.kernel_size) * inputs[0][-1] * output[-1]
    bias = output[-1] * int(layer.use_bias)
    return [Part(macs, macs, at="input"), Part(bias, bias, "_bias", reads=False)]


def _dense_parts(layer, inputs, output):
    # Of a MAC the released code counts both operations here.
    macs = inputs[0][-1] * output[-1]
    return [Part(macs, 2 * macs)]


def _einsum_parts(layer, inputs, output):
    macs = math.prod(layer.kernel.shape)
    return [Part(macs, 2 * macs)]


def _is_linear(layer):
    return layer.activation is keras.activations.linear


def _whole(parts):
    """`parts` of a layer that is computed as a whole or not at all."""

    def make_parts(layer, inputs, output):
        found = parts(layer, inputs, output)
        return [dataclasses.replace(p, makes=False, reads=False) for p in found]

    return make_parts


def _mixing(parts, size="asked"):
    def behave(layer):
        fits = getattr(layer, "data_format", "channels_last") == "channels_last"
        fits = fits and getattr(layer, "groups", 1) == 1
        # A softmax of its own needs all channels of its output.
        if not fits or keeps_zero(layer.activation) is None:
            return Behaviour("opaque", size=size, parts=_whole(parts))
        activates = not _is_linear(layer)
        return Behaviour("mixing", size=size, activates=activates, parts=parts)

    return behave


def _depthwise(layer):
    local = layer.data_format == "channels_last" and layer.depth_multiplier == 1
    keeps = keeps_zero(layer.activation)
    if not local or keeps is None:
        return Behaviour("opaque", parts=_whole(_depthwise_parts))
    return Behaviour(
        "local",
        keeps_zero=keeps and not layer.use_bias,
        activates=not _is_linear(layer),
        depthwise=True,
        parts=_depthwise_parts,
    )


def _einsum(layer):
    inputs, kernel, output = _terms(layer.equation)
    one_axis = inputs[:-1] == output[:-1] and set(kernel) == {inputs[-1], output[-1]}
    if one_axis and keeps_zero(layer.activation) is not None:
        return Behaviour("mixing", size="same", parts=_einsum_parts)
    return Behaviour("opaque", size="same", parts=_whole(_einsum_parts))


def _terms(equation):
    left, output = equation.replace("...", "").split("->")
    return (*left.split(","), output)


define(_layers.Conv2D, _mixing(_conv_parts))
define(_layers.Conv2DTranspose, _mixing(_transposed_parts))
define(_layers.SeparableConv2D, _mixing(_separable_parts))
define(_layers.DepthwiseConv2D, _depthwise)
define(_layers.Dense, _mixing(_dense_parts, size="same"))
define(_layers.EinsumDense, _einsum)


# Activations, by name: of a function of one's own it is not known.

_KEEP_ZERO = (
    "celu", "elu", "gelu", "hard_shrink", "hard_silu", "hard_swish",
    "hard_tanh", "leaky_relu", "linear", "mish", "relu", "relu6", "selu", "silu",
    "soft_shrink", "softsign", "swish", "tanh", "tanh_shrink",
)  # fmt: skip
_NOT_ZERO = (
    "exponential", "hard_sigmoid", "log_sigmoid", "sigmoid", "softplus",
    "sparse_plus", "sparse_sigmoid", "squareplus", "threshold",
)  # fmt: skip
_OVER_CHANNELS = ("log_softmax", "softmax", "sparsemax", "glu")


def keeps_zero(function):
    """Whether an activation that works channel by channel maps zero to zero.

    `None` for others: those over all channels, and those that are not known.
    """
    name = _activation_name(function)
    return True if name in _KEEP_ZERO else False if name in _NOT_ZERO else None


def _activation_name(function):
    """Its name in Keras, or `None`."""
    name = getattr(function, "__name__", "")
    return name if getattr(keras.activations, name, None) is function else None


def _activation(layer):
    if isinstance(layer.activation, keras.layers.Layer):
        return behaviour(layer.activation)
    if _activation_name(layer.activation) in _OVER_CHANNELS:
        return _SAME
    keeps = keeps_zero(layer.activation)
    if keeps is None:
        return Behaviour("opaque", size="same", known=False)
    return dataclasses.replace(
        _LOCAL, keeps_zero=keeps, activates=not _is_linear(layer)
    )


def _relu(layer):
    # Below the threshold all is zero, or a slope times the distance to it.
    keeps = not layer.threshold or not layer.negative_slope
    return dataclasses.replace(_ACTIVATION, keeps_zero=keeps)


define(_layers.Activation, _activation)
define(_layers.ReLU, _relu)
for _class in (_layers.LeakyReLU, _layers.PReLU, _layers.ELU):
    define(_class, _ACTIVATION)
define(_layers.Softmax, _SAME)


# Normalisation. It folds into the convolution; the released code counts 2 per value.


def _norm_parts(layer, inputs, output):
    return [Part(0, 2 * output[-1], makes=False, reads=False)]


def _batch_norm(layer):
    last = layer.axis in (-1, 3, 4)
    return dataclasses.replace(_LOCAL if last else _SAME, parts=_norm_parts)


define(_layers.BatchNormalization, _batch_norm)
for _class in (
    _layers.LayerNormalization,
    _layers.GroupNormalization,
    _layers.UnitNormalization,
    _layers.RMSNormalization,
):
    define(_class, _SAME)
define(_layers.Normalization, _SAME)


# Pooling and what moves pixels.


def _pool_parts(layer, inputs, output):
    # The released code counts one operation per value.
    return [Part(0, output[-1], makes=False, reads=False)]


def _global_pool_parts(layer, inputs, output):
    # The released code counts `positions + 1` per channel.
    channels = output[-1]
    return [
        Part(0, channels, "_sum", at="input", makes=False, reads=False),
        Part(0, channels, "_divide", at="frame", makes=False, reads=False),
    ]


def _spatial(**options):
    def behave(layer):
        last = getattr(layer, "data_format", "channels_last") == "channels_last"
        kind = "local" if last else "opaque"
        return Behaviour(kind, keeps_zero=True, **options)

    return behave


define(_layers.ZeroPadding2D, _spatial(pads=True))
define(_layers.Cropping2D, _spatial())
define(_layers.UpSampling2D, _spatial())
define(_layers.Resizing, _spatial())
define(_layers.MaxPooling2D, _spatial())
define(_layers.AveragePooling2D, _spatial(parts=_pool_parts))
define(_layers.GlobalMaxPooling2D, _spatial(size="pooled"))
define(
    _layers.GlobalAveragePooling2D, _spatial(size="pooled", parts=_global_pool_parts)
)


def _reshape(layer):
    # Of one position, as in a squeeze-and-excitation branch, a map of one position.
    ones = layer.target_shape[:-1]
    if all(size == 1 for size in ones):
        return dataclasses.replace(_KEEPS, size="pooled")
    return _OPAQUE


define(_layers.Reshape, _reshape)
for _class in (_layers.Flatten, _layers.Permute, _layers.RepeatVector):
    define(_class, _OPAQUE)


# What leaves a clip as it is at inference, or only scales it.

for _class in (
    _layers.ActivityRegularization,
    _layers.Dropout,
    _layers.GaussianDropout,
    _layers.GaussianNoise,
    _layers.Identity,
    _layers.SpatialDropout2D,
):
    define(_class, _KEEPS)
define(_layers.AlphaDropout, _LOCAL)
define(
    _layers.Rescaling,
    lambda layer: _KEEPS if not _any(layer.offset) else _LOCAL,
)
for _name in (
    "AutoContrast", "CenterCrop", "RandomBrightness", "RandomContrast", "RandomCrop",
    "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom",
):  # fmt: skip
    if hasattr(_layers, _name):
        define(getattr(_layers, _name), _OPAQUE)


def _any(value):
    return any(keras.tree.flatten(value))


# Several maps become one.

_SUM = dataclasses.replace(_KEEPS, is_sum=True)


def _concatenate(layer):
    return Behaviour("concatenate" if layer.axis in (-1, 3, 4) else "opaque")


for _class in (
    _layers.Add,
    _layers.Average,
    _layers.Maximum,
    _layers.Minimum,
    _layers.Subtract,
):
    define(_class, _SUM)
define(_layers.Multiply, dataclasses.replace(_KEEPS, is_product=True))
define(_layers.Concatenate, _concatenate)


# Functions of keras.ops. With a number instead of a second map, `x + 3` makes something
# of nothing and `x / 6` does not.


def _reduction(operation):
    axes = operation.axis
    axes = (axes,) if isinstance(axes, int) else tuple(axes or ())
    if sorted(axes) == [1, 2]:
        return dataclasses.replace(_KEEPS, size="pooled")
    return _OPAQUE


define_operations(
    ("Relu", "Relu6", "Silu", "Gelu", "Elu", "Selu", "Celu", "HardSilu", "HardTanh",
     "LeakyRelu", "Mish", "SoftShrink", "HardShrink", "TanhShrink", "Softsign", "Tanh"),
    _ACTIVATION,
)  # fmt: skip
define_operations(
    ("Sigmoid", "HardSigmoid", "LogSigmoid", "Softplus", "Squareplus", "Exp"),
    dataclasses.replace(_LOCAL, activates=True),
)
define_operations(("Abs", "Absolute", "Negative", "Square", "Sqrt", "Cast"), _KEEPS)
define_operations(("Clip",), _LOCAL)
define_operations(("Add", "Subtract", "Maximum", "Minimum"), _SUM)
define_operations(("Multiply",), dataclasses.replace(_KEEPS, is_product=True))
define_operations(
    ("Divide", "TrueDivide"), dataclasses.replace(_KEEPS, is_product=True)
)
define_operations(("Mean", "Max"), _reduction)
define_operations(
    ("Reshape", "Transpose", "Squeeze", "ExpandDims", "GetItem", "Softmax"), _OPAQUE
)
define_operations(("Concatenate",), _concatenate)


# Layers that networks of keras.applications bring along.

define_operations(("StochasticDepth", "LayerScale"), _KEEPS)
define_operations(("CustomScaleLayer",), _SUM)


# This package's own.


def _per_frame(layer):
    return behaviour(layer.layer)


def _lstm_parts(layer, inputs, output):
    macs = 4 * layer.units * (inputs[0][-1] + layer.units)
    return [Part(macs, 2 * macs)]


define(PerFrame, _per_frame)
define(FoldTime, dataclasses.replace(_KEEPS))
define(UnfoldTime, dataclasses.replace(_KEEPS))
define(TemporalShift, _SAME)
define(AdaptiveTemporalFusion, _SAME)
define(FrameLSTM, Behaviour("opaque", size="same", parts=_whole(_lstm_parts)))
define(AverageConsensus, _OPAQUE)
