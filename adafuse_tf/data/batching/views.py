"""Several looks at one video in evaluation: clips in time, crops in space."""

import dataclasses

import tensorflow as tf

from adafuse_tf.data.preprocessing import Preprocessing

NUM_CROPS = (1, 3, 10)


@dataclasses.dataclass(frozen=True)
class Views:
    """How many looks at each video an evaluation averages over.

    Attributes:
        num_clips: Clips, spread over the video by the sampler.
        num_crops: Crops of each clip. 1: the centre, `crop` pixels a side. 3: squares
            of `resize` pixels that cover the frame from left to right (top to bottom
            where it is upright). 10: the corners and the centre, `crop` pixels a
            side, then the five mirrored; not for classes that tell left from right.
    """

    num_clips: int = 1
    num_crops: int = 1

    def __post_init__(self):
        if self.num_clips < 1:
            raise ValueError(
                f"`num_clips` must be >= 1. Received: num_clips={self.num_clips}"
            )
        if self.num_crops not in NUM_CROPS:
            raise ValueError(
                f"`num_crops` must be one of {', '.join(map(str, NUM_CROPS))}. "
                f"Received: num_crops={self.num_crops}"
            )

    def __len__(self) -> int:
        return self.num_clips * self.num_crops

    def size(self, preprocessing: Preprocessing) -> int:
        """Height and width of the crops in pixels."""
        return preprocessing.resize if self.num_crops == 3 else preprocessing.crop

    def crops(self, frames: tf.Tensor, preprocessing: Preprocessing) -> tf.Tensor:
        """Resizes, crops and normalises one clip; plain TF operations.

        Args:
            frames: uint8 RGB `[T, H, W, 3]`, 0..255.
            preprocessing: Gives the sizes, mean and std.

        Returns:
            float32 `[num_crops, T, size, size, 3]`.
        """
        if self.num_crops == 1:
            return preprocessing.evaluate(frames)[None]
        frames = preprocessing.resize_short_side(frames)
        size = self.size(preprocessing)
        far = tf.shape(frames)[-3:-1] - size  # of the top left corners
        # As in `centre_crop`.
        middle = tf.cast(tf.round(tf.cast(far, tf.float32) / 2), tf.int32)
        if self.num_crops == 3:
            corners = [tf.zeros_like(far), middle, far]
        else:
            corners = [far * [top, left] for top in (0, 1) for left in (0, 1)]
            corners.append(middle)
        crops = [
            frames[..., top : top + size, left : left + size, :]
            for top, left in map(tf.unstack, corners)
        ]
        if self.num_crops == 10:
            crops += [tf.reverse(crop, [-2]) for crop in crops]
        crops = tf.ensure_shape(
            tf.stack(crops), [self.num_crops, *frames.shape[:-3], size, size, 3]
        )
        return preprocessing.normalize(crops)
