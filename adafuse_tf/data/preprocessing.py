"""From decoded frames to what a model takes; travels with the weights."""

import dataclasses
import numbers
from collections.abc import Mapping

import tensorflow as tf

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """The numbers that turn decoded frames into the input of a model.

    Attributes:
        num_frames: Frames of a clip, T.
        resize: Pixels of the shorter side before the centre crop.
        crop: Height and width of the input in pixels.
        mean: Mean of red, green and blue in 0..1, subtracted.
        std: Standard deviation of red, green and blue in 0..1, divided by.
    """

    num_frames: int = 8
    resize: int = 256
    crop: int = 224
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self):
        for name in ("num_frames", "resize", "crop"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or isinstance(value, bool):
                raise TypeError(f"`{name}` must be an int. Received: {name}={value!r}")
            if value < 1:
                raise ValueError(f"`{name}` must be >= 1. Received: {name}={value}")
        if self.crop > self.resize:
            raise ValueError(
                "`crop` must fit in the resized frame; make `resize` at least as "
                f"large. Received: crop={self.crop}, resize={self.resize}"
            )
        for name in ("mean", "std"):
            object.__setattr__(self, name, _three(name, getattr(self, name)))
        if min(self.std) <= 0:
            raise ValueError(f"`std` must be positive. Received: std={self.std}")

    def to_dict(self) -> dict:
        """Returns plain numbers and lists, ready for JSON or YAML."""
        values = dataclasses.asdict(self)
        return {**values, "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, values: Mapping) -> "Preprocessing":
        """The inverse of `to_dict`; absent keys take their defaults.

        Raises:
            ValueError: A key is unknown or a number out of range.
            TypeError: A value has the wrong type.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(
                f"Unknown keys for Preprocessing, known are {known}. "
                f"Received: {unknown}"
            )
        return cls(**values)

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
        return tf.cond(
            # Frames of records often have the right size already.
            tf.reduce_all(tf.shape(frames)[-3:-1] == size),
            lambda: tf.cast(self.centre_crop(frames), tf.float32),
            lambda: tf.round(self.centre_crop(interpolate(frames, size))),
        )

    def resize_short_side(self, frames: tf.Tensor) -> tf.Tensor:
        """Returns `frames` with `resize` pixels on the shorter side, still 0..255."""
        frames = tf.convert_to_tensor(frames)
        return resize(frames, self._size(frames))

    def _size(self, frames: tf.Tensor) -> tf.Tensor:
        height, width = tf.shape(frames)[-3], tf.shape(frames)[-2]
        short = tf.minimum(height, width)
        return tf.stack([self.resize * height // short, self.resize * width // short])

    def centre_crop(self, frames: tf.Tensor) -> tf.Tensor:
        """Returns the middle `crop` x `crop` pixels of each frame."""
        frames = tf.convert_to_tensor(frames)
        border = tf.cast(tf.shape(frames)[-3:-1] - self.crop, tf.float32)
        # Halves round to even, as in the preprocessing the published weights saw.
        top, left = tf.unstack(tf.cast(tf.round(border / 2), tf.int32))
        frames = frames[..., top : top + self.crop, left : left + self.crop, :]
        return self._static(frames)

    def normalize(self, frames: tf.Tensor) -> tf.Tensor:
        """Returns `(frames / 255 - mean) / std` as float32."""
        scale = [1 / (255 * std) for std in self.std]
        offset = [-m / std for m, std in zip(self.mean, self.std, strict=True)]
        # Whole rows of pixels: four times as fast as a broadcast over three numbers.
        shape = tf.shape(frames)
        rows = tf.reshape(tf.cast(frames, tf.float32), [-1, shape[-2] * 3])
        rows = rows * tf.tile(scale, shape[-2:-1]) + tf.tile(offset, shape[-2:-1])
        return tf.ensure_shape(tf.reshape(rows, shape), frames.shape)

    def _static(self, frames: tf.Tensor) -> tf.Tensor:
        lead = frames.shape[:-3]
        return tf.ensure_shape(frames, [*lead, self.crop, self.crop, 3])


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
