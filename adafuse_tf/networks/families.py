"""The image networks that presets are made of, and how their weights saw images."""

import dataclasses
import functools
import importlib
import inspect
from collections.abc import Callable

import keras

from adafuse_tf.networks.bn_inception import BNInception
from adafuse_tf.networks.efficientnet_lite import EfficientNetLite
from adafuse_tf.networks.resnet import ResNet

_ROOTS = ("keras.applications", "keras_hub.models", "adafuse_tf.networks")


@dataclasses.dataclass(frozen=True)
class ImageNetwork:
    """An image network by name.

    Attributes:
        make: Makes the `keras.Model`; called with options and `dtype`.
        options: Names of the options.
        preprocessing: Arguments of `Preprocessing`: what its weights were trained with.
        sized: Whether its padding depends on the size of the images it is made for.
    """

    make: Callable
    options: frozenset
    preprocessing: dict
    sized: bool = False

    def build(self, dtype=None, **options):
        """The `keras.Model`, in a precision."""
        return self.make(dtype=dtype, **options)


def _own(function, *args, sized=False, **preprocessing):
    """A network of this package."""
    names = list(inspect.signature(function).parameters)[len(args) :]
    options = frozenset(names) - {"dtype", "name", "include_top", "num_classes"}
    make = functools.partial(function, *args)
    return ImageNetwork(make, options, preprocessing, sized)


def image_model(name, dtype=None, size=None, **arguments):
    """An image model by the dotted name of what makes it, as configurations have it.

    Args:
        name: Such as `"keras.applications.MobileNetV2"`; out of `keras.applications`,
            `keras_hub.models` and `adafuse_tf.networks`, since a configuration from
            elsewhere must not call whatever it likes.
        dtype: Precision.
        size: `(height, width)` of its images, for those that take an `input_shape` or,
            as in KerasHub, an `image_shape`, unless the arguments have one.
        **arguments: Its keyword arguments; networks of `keras.applications` have no
            classifier and no weights unless these say so.

    Raises:
        ValueError: Another name, or arguments that it does not take.
    """
    root = next((r for r in _ROOTS if name.startswith(f"{r}.")), None)
    found = None
    if root is not None:
        found = importlib.import_module(root)
        for part in name.removeprefix(f"{root}.").split("."):
            found = None if part.startswith("_") else getattr(found, part, None)
    if not callable(found):
        raise ValueError(
            f"An image model must be something that makes one, out of {_ROOTS}. "
            f"Received: {name!r}"
        )
    takes = inspect.signature(found).parameters
    for shape in ("input_shape", "image_shape"):
        if size is not None and shape in takes:
            arguments = {shape: (*size, 3), **arguments}
    if root == "keras.applications":
        arguments = {"include_top": False, "weights": None, **arguments}
    before = keras.config.dtype_policy()
    if dtype is not None:
        keras.config.set_dtype_policy(dtype)  # many take no `dtype`
    try:
        return found(**arguments)
    except TypeError as error:
        raise ValueError(f"{name} cannot be made: {error}") from error
    finally:
        keras.config.set_dtype_policy(before)


def _application(name, **preprocessing):
    """A network of `keras.applications`, without weights unless they are asked for."""

    make = functools.partial(image_model, f"keras.applications.{name}")
    known = inspect.signature(getattr(keras.applications, name)).parameters
    taken = {"weights", "input_shape", "alpha", "minimalistic", "include_preprocessing"}
    return ImageNetwork(make, frozenset(taken & set(known)), preprocessing, True)


def _imagenet(crop=224, resize=None, **numbers):
    """Preprocessing of weights for `crop` pixels."""
    resize = resize or round(crop / 0.875)
    return {"num_frames": 8, "resize": resize, "crop": crop, **numbers}


_MEAN_STD = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
# -1..1
_SIGNED = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
# 0..255: the network has the rest inside.
_BYTES = {"mean": [0.0, 0.0, 0.0], "std": [1 / 255, 1 / 255, 1 / 255]}
# Caffe's: blue, green, red in 0..255 minus 104, 117, 128.
_CAFFE = {
    "mean": [128 / 255, 117 / 255, 104 / 255],
    "std": [1 / 255, 1 / 255, 1 / 255],
    "color_order": "bgr",
}
# (x - 127) / 128
_LITE = {"mean": [127 / 255] * 3, "std": [128 / 255] * 3}
_SIZES = {"b0": 224, "b1": 240, "b2": 260, "b3": 300}

NETWORKS = {
    **{
        f"resnet{depth}": _own(ResNet, depth, **_imagenet(resize=256, **_MEAN_STD))
        for depth in (18, 34, 50, 101)
    },
    "bn_inception": _own(BNInception, **_imagenet(resize=256, **_CAFFE)),
    "mobilenet_v2": _application("MobileNetV2", **_imagenet(**_SIGNED)),
    "mobilenet_v3_small": _application("MobileNetV3Small", **_imagenet(**_BYTES)),
    "mobilenet_v3_large": _application("MobileNetV3Large", **_imagenet(**_BYTES)),
    **{
        f"efficientnet_{size}": _application(
            f"EfficientNet{size.upper()}", **_imagenet(pixels, **_BYTES)
        )
        for size, pixels in _SIZES.items()
    },
    **{
        f"efficientnet_lite{number}": _own(
            EfficientNetLite,
            number,
            sized=True,
            **_imagenet(pixels, pixels + 32, **_LITE),
        )
        for number, pixels in enumerate((224, 240, 260))
    },
    "efficientnet_v2_b0": _application("EfficientNetV2B0", **_imagenet(**_BYTES)),
    "convnext_tiny": _application("ConvNeXtTiny", **_imagenet(**_BYTES)),
    "densenet121": _application("DenseNet121", **_imagenet(**_MEAN_STD)),
}
