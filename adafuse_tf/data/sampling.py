"""Which frames of a video make a clip: one out of each of T equal segments."""

import tensorflow as tf


def segment_indices(
    count: int | tf.Tensor, num_frames: int, offsets: tf.Tensor | None = None
) -> tf.Tensor:
    """Returns the frame indices of a clip, as Temporal Segment Networks choose them.

    Without offsets the centre of each segment is taken. With offsets, segment `k`
    starts at `k * (count // num_frames)` and the offset is added. A video with fewer
    frames than asked for is taken whole, then its last frame repeats. Plain TF
    operations, so that it can be part of an exported graph.

    Args:
        count: Frames in the video, scalar integer >= 1.
        num_frames: Frames in the clip, T.
        offsets: Integers `[T]` in `[0, count // num_frames)`.

    Returns:
        int32 `[T]`, not decreasing, each in `[0, count)`.
    """
    if num_frames < 1:
        raise ValueError(
            f"`num_frames` must be >= 1. Received: num_frames={num_frames}"
        )
    count = tf.cast(count, tf.int32)
    segment = tf.range(num_frames)
    if offsets is None:
        # floor((k + 1/2) * count / T), free of rounding errors.
        spread = (2 * segment + 1) * count // (2 * num_frames)
    else:
        spread = segment * (count // num_frames) + tf.cast(offsets, tf.int32)
    return tf.where(count > num_frames, spread, tf.minimum(segment, count - 1))


def random_segment_indices(
    count: int | tf.Tensor, num_frames: int, seed: tf.Tensor
) -> tf.Tensor:
    """Like `segment_indices`, with one random frame per segment.

    Args:
        count: Frames in the video, scalar integer >= 1.
        num_frames: Frames in the clip, T.
        seed: Two integers; the same seed gives the same indices.
    """
    length = tf.maximum(tf.cast(count, tf.int32) // num_frames, 1)
    offsets = tf.random.stateless_uniform(
        [num_frames], seed, minval=0, maxval=length, dtype=tf.int32
    )
    return segment_indices(count, num_frames, offsets)
