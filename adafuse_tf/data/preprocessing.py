"""From decoded frames to what a model takes; travels with the weights."""

import numbers
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from adafuse_tf.layers.contract import require_float32

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
COLOR_ORDERS = ("rgb", "bgr")


@keras.saving.register_keras_serializable(package="adafuse_tf")
class Preprocessing(keras.layers.Layer):
    """Turns decoded frames into the input of a model: resize, centre crop, normalise.

    A layer without weights: it runs in `tf.data` (`dataset.map(preprocessing)`), in
    front of a model in `fit`, and in exports. Its numbers travel with a model's
    weights.

    Args:
        num_frames: Frames of a clip, T. The layer itself takes any number.
        resize: Pixels of the shorter side before the centre crop.
        crop: Height and width of the input in pixels.
        mean: Mean of red, green and blue in 0..1, subtracted.
        std: Standard deviation of red, green and blue in 0..1, divided by.
        color_order: Of the result: `"rgb"`, or `"bgr"` for weights that come from
            Caffe.

    Input shape:
        uint8, or floats in 0..255, `[B, T, H, W, 3]` or `[T, H, W, 3]`, RGB. Frames of
        the size that they get are only normalised.

    Output shape:
        float32 `[B, T, crop, crop, 3]` or `[T, crop, crop, 3]`.

    Raises:
        TypeError, ValueError: A number of another type or out of its range.
    """

    def __init__(
        self,
        num_frames=8,
        resize=256,
        crop=224,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        color_order="rgb",
        **kwargs,
    ):
        super().__init__(**require_float32(type(self), kwargs))
        for name, value in (
            ("num_frames", num_frames),
            ("resize", resize),
            ("crop", crop),
        ):
            if not isinstance(value, numbers.Integral) or isinstance(value, bool):
                raise TypeError(f"`{name}` must be an int. Received: {name}={value!r}")
            if value < 1:
                raise ValueError(f"`{name}` must be >= 1. Received: {name}={value}")
        if crop > resize:
            raise ValueError(
                "`crop` must fit in the resized frame; make `resize` at least as "
                f"large. Received: crop={crop}, resize={resize}"
            )
        self.num_frames, self.resize, self.crop = map(int, (num_frames, resize, crop))
        self.mean, self.std = _three("mean", mean), _three("std", std)
        if min(self.std) <= 0:
            raise ValueError(f"`std` must be positive. Received: std={self.std}")
        if color_order not in COLOR_ORDERS:
            raise ValueError(
                f"`color_order` must be one of {COLOR_ORDERS}. "
                f"Received: color_order={color_order!r}"
            )
        self.color_order = color_order
        self.supports_jit = False  # XLA has no antialiased resize
        self.built = True

    def call(self, frames):
        self._check(frames)
        shape = _shape(frames)
        if len(frames.shape) == 5:
            frames = tf.reshape(frames, [-1, *shape[2:]])
        prepared = self.evaluate(frames)
        if len(shape) == 4:
            return prepared
        return tf.reshape(prepared, [*shape[:2], self.crop, self.crop, 3])

    def compute_output_spec(self, frames):
        self._check(frames)
        shape = (*frames.shape[:-3], self.crop, self.crop, 3)
        return keras.KerasTensor(shape, "float32")

    @staticmethod
    def _check(frames):
        if len(frames.shape) not in (4, 5) or frames.shape[-1] != 3:
            raise ValueError(
                "Preprocessing takes frames [B, T, H, W, 3] or [T, H, W, 3]. "
                f"Received: shape={tuple(frames.shape)}"
            )

    def get_config(self):
        return {**super().get_config(), **self.to_dict()}

    def to_dict(self) -> dict:
        """Returns plain numbers and lists, ready for JSON or YAML."""
        values = {name: getattr(self, name) for name in _NUMBERS}
        return {**values, "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, values: Mapping) -> "Preprocessing":
        """The inverse of `to_dict`; absent keys take their defaults.

        Raises:
            ValueError: A key is unknown or a number out of range.
            TypeError: A value has the wrong type.
        """
        unknown = sorted(set(values) - set(_NUMBERS))
        if unknown:
            raise ValueError(
                f"Unknown keys for Preprocessing, known are {list(_NUMBERS)}. "
                f"Received: {unknown}"
            )
        return cls(**values, name="preprocessing")

    def evaluate(self, frames: tf.Tensor) -> tf.Tensor:
        """Resizes the short side, crops the centre, normalises; plain TF operations.

        Agrees with Pillow's antialiased bilinear resize and centre crop, on which the
        published weights were trained, to one grey level (0.0176 in the result); see
        `resize` for how often and why.

        Args:
            frames: uint8 RGB `[T, H, W, 3]`, 0..255.

        Returns:
            float32 `[T, crop, crop, 3]`.
        """
        return self.normalize(self.resize_and_crop(frames))

    def resize_and_crop(self, frames: tf.Tensor) -> tf.Tensor:
        """Returns the input of a model before it is normalised.

        `resize_short_side` and `centre_crop`, without the work that the crop drops.

        Args:
            frames: uint8 RGB `[T, H, W, 3]`, 0..255.

        Returns:
            float32 `[T, crop, crop, 3]`, whole numbers in 0..255.
        """
        frames = tf.convert_to_tensor(frames)
        size = self._size(frames)
        if isinstance(size, tuple):
            if tuple(frames.shape[-3:-1]) != size:
                frames = tf.round(interpolate(frames, size))
            return tf.cast(self.centre_crop(frames), tf.float32)
        return tf.cond(
            # Frames of records often have the right size already.
            tf.reduce_all(tf.shape(frames)[-3:-1] == size),
            lambda: tf.cast(self.centre_crop(frames), tf.float32),
            lambda: tf.round(self.centre_crop(interpolate(frames, size))),
        )

    def resizes(self, height: int | None, width: int | None) -> bool:
        """Whether frames of this size are resized; `None` is a size not known yet."""
        if height is None or width is None:
            return True
        return min(height, width) != self.resize

    def resize_short_side(self, frames: tf.Tensor) -> tf.Tensor:
        """Returns `frames` with `resize` pixels on the shorter side, still 0..255."""
        frames = tf.convert_to_tensor(frames)
        return resize(frames, self._size(frames))

    def _size(self, frames: tf.Tensor):
        """Height and width after resizing; two ints where those of `frames` are."""
        height, width = _shape(frames)[-3:-1]
        if isinstance(height, int) and isinstance(width, int):
            short = min(height, width)
            return self.resize * height // short, self.resize * width // short
        short = tf.minimum(height, width)
        return tf.stack([self.resize * height // short, self.resize * width // short])

    def centre_crop(self, frames: tf.Tensor) -> tf.Tensor:
        """Returns the middle `crop` x `crop` pixels of each frame."""
        frames = tf.convert_to_tensor(frames)
        # Halves round to even, as in the preprocessing the published weights saw.
        top, left = (
            round((size - self.crop) / 2)
            if isinstance(size, int)
            else tf.cast(tf.round(tf.cast(size - self.crop, tf.float32) / 2), tf.int32)
            for size in _shape(frames)[-3:-1]
        )
        frames = frames[..., top : top + self.crop, left : left + self.crop, :]
        return self._static(frames)

    def normalize(self, frames: tf.Tensor) -> tf.Tensor:
        """Returns `(frames / 255 - mean) / std` as float32, in `color_order`.

        Args:
            frames: `[..., H, W, 3]`, RGB in 0..255; may be symbolic.
        """
        scale = [1 / (255 * std) for std in self.std]
        offset = [-m / std for m, std in zip(self.mean, self.std, strict=True)]
        if isinstance(frames, keras.KerasTensor):
            scaled = keras.layers.Rescaling(scale, offset, dtype="float32")(frames)
            return scaled if self.color_order == "rgb" else scaled[..., ::-1]
        # Whole rows of pixels: four times as fast as a broadcast over three numbers.
        shape = tf.shape(frames)
        rows = tf.reshape(tf.cast(frames, tf.float32), [-1, shape[-2] * 3])
        rows = rows * tf.tile(scale, shape[-2:-1]) + tf.tile(offset, shape[-2:-1])
        scaled = tf.reshape(rows, shape)
        if self.color_order == "bgr":
            scaled = tf.stack(tf.unstack(scaled, axis=-1)[::-1], axis=-1)
        return tf.ensure_shape(scaled, frames.shape)

    def denormalize(self, clips):
        """The inverse of `normalize`, of a NumPy array; float32 RGB in 0..255."""
        order = slice(None, None, 1 if self.color_order == "rgb" else -1)
        rgb = np.asarray(clips, "float32")[..., order]
        return 255 * (rgb * np.float32(self.std) + np.float32(self.mean))

    def _static(self, frames: tf.Tensor) -> tf.Tensor:
        lead = frames.shape[:-3]
        return tf.ensure_shape(frames, [*lead, self.crop, self.crop, 3])


# What a preprocessing consists of, in the order of the constructor.
_NUMBERS = ("num_frames", "resize", "crop", "mean", "std", "color_order")


def _shape(x: tf.Tensor) -> list:
    """The shape of `x`, ints where they are known and scalar tensors elsewhere."""
    dynamic = tf.shape(x) if None in x.shape else x.shape
    return [dynamic[i] if n is None else n for i, n in enumerate(x.shape)]


def resize(frames: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Bilinear resize, antialiased, to whole numbers as image files hold them.

    Agrees with Pillow's bilinear resize to one grey level; in a usual frame fewer than
    one value in five differs. Pillow goes through the columns first and rounds what it
    has before it goes through the rows; here numbers are rounded once, at the end.

    Args:
        frames: uint8 or float32 `[T, H, W, 3]`, 0..255.
        size: Height and width, two integers.

    Returns:
        float32 `[T, height, width, 3]`, 0..255.
    """
    return tf.round(interpolate(frames, size))


def interpolate(
    frames: tf.Tensor, size: tf.Tensor, antialias_above: float = 1.0
) -> tf.Tensor:
    """Bilinear resize.

    Args:
        frames: uint8 or float32 `[T, H, W, 3]`.
        size: Height and width, two integers.
        antialias_above: Frames that shrink by more than this factor are antialiased,
            which takes six times as long.

    Returns:
        float32 `[T, height, width, 3]`.
    """
    size = tf.convert_to_tensor(size, tf.int32)
    # Quicker to interpolate than bytes are.
    frames = tf.cast(frames, tf.float32)
    before = tf.cast(tf.shape(frames)[-3:-1], tf.float32)
    shrinks = tf.reduce_any(before > antialias_above * tf.cast(size, tf.float32))
    return tf.cond(
        shrinks,
        lambda: tf.image.resize(frames, size, antialias=True),
        lambda: tf.image.resize(frames, size),
    )


def _three(name: str, values) -> tuple[float, float, float]:
    if not isinstance(values, (tuple, list)) or not all(
        isinstance(v, numbers.Real) and not isinstance(v, bool) for v in values
    ):
        raise TypeError(f"`{name}` must be numbers. Received: {name}={values!r}")
    if len(values) != 3:
        raise ValueError(f"`{name}` must be three numbers. Received: {name}={values}")
    return tuple(float(v) for v in values)
