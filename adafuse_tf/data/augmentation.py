"""Random crops and flips of training clips, one draw for all frames of a clip."""

import dataclasses
import itertools

import tensorflow as tf

from adafuse_tf.data.preprocessing import Preprocessing, resize

# The crop window sits on a grid of quarter steps between the borders: corners, middles
# of the sides, centre, and the four points between the corners and the centre.
_POSITIONS = [
    (row, column)
    for row, column in itertools.product(range(5), repeat=2)
    if row % 2 == column % 2
]


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How training clips are varied.

    Attributes:
        multi_scale_crop: Sides of the crop window as fractions of the frame's shorter
            side; height and width are drawn separately. Empty: no random crop, the
            centre crop of evaluation.
        max_distort: How many places in `multi_scale_crop` height and width may be
            apart; 0 keeps the window square.
        flip_probability: Share of the clips that are mirrored left to right. Leave it
            at 0 where left and right matter for the label.
    """

    multi_scale_crop: tuple[float, ...] = (1.0, 0.875, 0.75, 0.66)
    max_distort: int = 1
    flip_probability: float = 0.0

    def __post_init__(self):
        scales = tuple(float(scale) for scale in self.multi_scale_crop)
        object.__setattr__(self, "multi_scale_crop", scales)
        if not all(0 < scale <= 1 for scale in scales):
            raise ValueError(
                "`multi_scale_crop` takes fractions in (0, 1]. Received: "
                f"multi_scale_crop={scales}"
            )
        if self.max_distort < 0:
            raise ValueError(
                f"`max_distort` must be >= 0. Received: max_distort={self.max_distort}"
            )
        if not 0 <= self.flip_probability <= 1:
            raise ValueError(
                "`flip_probability` must be in 0..1. Received: "
                f"flip_probability={self.flip_probability}"
            )

    def apply(
        self, frames: tf.Tensor, preprocessing: Preprocessing, seed: tf.Tensor
    ) -> tf.Tensor:
        """Crops, resizes, flips and normalises one clip; plain TF operations.

        Args:
            frames: uint8 RGB `[T, H, W, 3]`, 0..255.
            preprocessing: Gives the size of the crop, mean and std.
            seed: Two integers; the same seed gives the same result.

        Returns:
            float32 `[T, crop, crop, 3]`.
        """
        seeds = tf.unstack(tf.random.split(seed, 2))
        if self.multi_scale_crop:
            frames = self.random_crop(frames, preprocessing.crop, seeds[0])
        else:
            frames = preprocessing.centre_crop(preprocessing.resize_short_side(frames))
        if self.flip_probability > 0:
            draw = tf.random.stateless_uniform([], seeds[1])
            flip = draw < self.flip_probability
            frames = tf.where(flip, tf.reverse(frames, [-2]), frames)
        return preprocessing.normalize(frames)

    def random_crop(self, frames: tf.Tensor, crop: int, seed: tf.Tensor) -> tf.Tensor:
        """Cuts the same random window out of all frames and resizes it.

        Args:
            frames: uint8 `[T, H, W, 3]`.
            crop: Height and width of the result in pixels.
            seed: Two integers.

        Returns:
            float32 `[T, crop, crop, 3]`, 0..255.
        """
        scales = [
            (tall, wide)
            for (i, tall), (j, wide) in itertools.product(
                enumerate(self.multi_scale_crop), repeat=2
            )
            if abs(i - j) <= self.max_distort
        ]
        seeds = tf.unstack(tf.random.split(seed, 2))
        # float64, so that 0.66 of 100 pixels is 66 and not 65.
        scale = _choose(tf.constant(scales, tf.float64), seeds[0])
        position = _choose(tf.constant(_POSITIONS, tf.int32), seeds[1])
        frames = tf.convert_to_tensor(frames)
        shape = tf.shape(frames)[-3:-1]
        short = tf.cast(tf.reduce_min(shape), tf.float64)
        window = tf.maximum(tf.cast(scale * short, tf.int32), 1)
        top, left = tf.unstack((shape - window) // 4 * position)
        frames = frames[..., top : top + window[0], left : left + window[1], :]
        frames = resize(frames, [crop, crop])
        return tf.ensure_shape(frames, [*frames.shape[:-3], crop, crop, 3])


def _choose(values: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    index = tf.random.stateless_uniform(
        [], seed, maxval=values.shape[0], dtype=tf.int32
    )
    return values[index]
