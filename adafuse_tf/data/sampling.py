"""Which frames of a video make a clip. Plain TF operations, part of exported graphs."""

import dataclasses
from typing import Literal, get_args

import tensorflow as tf

SamplerType = Literal["segments", "dense", "uniform"]


@dataclasses.dataclass(frozen=True)
class Sampler:
    """A way to choose the T frames of a clip out of a video.

    A video with no more frames than asked for is taken whole, then its last frame
    repeats; in a dense clip every `stride`-th frame is, likewise.

    Attributes:
        type: `"segments"`: one frame out of each of T equal segments, a random one in
            training, the centre one in evaluation. `"dense"`: T frames that are
            `stride` apart, from a random start in training, from the middle of the
            video in evaluation. `"uniform"`: T frames from the first to the last at
            equal distances, also in training.
        stride: Distance of the frames of a dense clip, in frames.
    """

    type: SamplerType = "segments"
    stride: int = 8

    def __post_init__(self):
        if self.type not in get_args(SamplerType):
            raise ValueError(
                f"`type` must be one of {', '.join(get_args(SamplerType))}. "
                f"Received: type={self.type!r}"
            )
        if self.stride < 1:
            raise ValueError(f"`stride` must be >= 1. Received: stride={self.stride}")

    def random_clip(
        self, count: int | tf.Tensor, num_frames: int, seed: tf.Tensor
    ) -> tf.Tensor:
        """Returns the frames of one training clip.

        Args:
            count: Frames in the video, scalar integer >= 1.
            num_frames: Frames in the clip, T.
            seed: Two integers; the same seed gives the same frames.

        Returns:
            int32 `[T]`, not decreasing, each in `[0, count)`.
        """
        if self.type == "segments":
            return random_segment_indices(count, num_frames, seed)
        if self.type == "dense":
            return random_dense_indices(count, num_frames, self.stride, seed)
        return uniform_indices(count, num_frames)[0]

    def clips(
        self, count: int | tf.Tensor, num_frames: int, num_clips: int = 1
    ) -> tf.Tensor:
        """Returns the frames of the clips that a video is evaluated on.

        Args:
            count: Frames in the video, scalar integer >= 1.
            num_frames: Frames in each clip, T.
            num_clips: Clips, spread over the video.

        Returns:
            int32 `[num_clips, T]`, each row as of `random_clip`.
        """
        if self.type == "segments":
            return segment_clips(count, num_frames, num_clips)
        if self.type == "dense":
            return dense_clips(count, num_frames, self.stride, num_clips)
        return uniform_indices(count, num_frames, num_clips)


def segment_indices(
    count: int | tf.Tensor, num_frames: int, offsets: tf.Tensor | None = None
) -> tf.Tensor:
    """Returns the frame indices of a clip, as Temporal Segment Networks choose them.

    Without offsets the centre of each segment is taken. With offsets, segment `k`
    starts at `k * (count // num_frames)` and the offset is added. A video with fewer
    frames than asked for is taken whole, then its last frame repeats.

    Args:
        count: Frames in the video, scalar integer >= 1.
        num_frames: Frames in the clip, T.
        offsets: Integers `[T]` in `[0, count // num_frames)`.

    Returns:
        int32 `[T]`, not decreasing, each in `[0, count)`.
    """
    if offsets is None:
        return segment_clips(count, num_frames, 1)[0]
    segment, count = _frame_numbers(num_frames), tf.cast(count, tf.int32)
    spread = segment * (count // num_frames) + tf.cast(offsets, tf.int32)
    return _or_all_frames(spread, count, num_frames)


def segment_clips(count: int | tf.Tensor, num_frames: int, num_clips: int) -> tf.Tensor:
    """Frames at `num_clips` evenly spread places of each segment.

    One clip takes the centres. Arguments and result are those of `Sampler.clips`.
    """
    segment, count = _frame_numbers(num_frames), tf.cast(count, tf.int32)
    place = 2 * _clip_numbers(num_clips) + 1
    # floor((k + place / (2 V)) * count / T), free of rounding errors.
    spread = (2 * num_clips * segment + place) * count // (2 * num_clips * num_frames)
    return _or_all_frames(spread, count, num_frames)


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


def dense_clips(
    count: int | tf.Tensor, num_frames: int, stride: int, num_clips: int
) -> tf.Tensor:
    """Windows of frames `stride` apart, evenly spread from the start to the end.

    One clip is the window in the middle. Arguments and result are those of
    `Sampler.clips`.
    """
    slack = _slack(count, num_frames, stride)
    if num_clips == 1:
        starts = slack[None, None] // 2
    else:
        # round(v * slack / (V - 1)), free of rounding errors.
        steps = num_clips - 1
        starts = (2 * _clip_numbers(num_clips) * slack + steps) // (2 * steps)
    return _window(starts, count, num_frames, stride)


def random_dense_indices(
    count: int | tf.Tensor, num_frames: int, stride: int, seed: tf.Tensor
) -> tf.Tensor:
    """A window of frames `stride` apart with a random start.

    Arguments and result are those of `Sampler.random_clip`.
    """
    slack = _slack(count, num_frames, stride)
    start = tf.random.stateless_uniform([], seed, 0, slack + 1, tf.int32)
    return _window(start, count, num_frames, stride)


def uniform_indices(
    count: int | tf.Tensor, num_frames: int, num_clips: int = 1
) -> tf.Tensor:
    """Frames at equal distances, the first and the last frame among them.

    Several clips share the frames out in turn: clip 0 takes the 1st, the (V+1)th and
    so on. Arguments and result are those of `Sampler.clips`.
    """
    frame, count = _frame_numbers(num_frames), tf.cast(count, tf.int32)
    steps = num_clips * num_frames - 1
    if steps == 0:
        return (count - 1)[None, None] // 2
    number = num_clips * frame + _clip_numbers(num_clips)
    # round(number * (count - 1) / steps), free of rounding errors.
    spread = (2 * number * (count - 1) + steps) // (2 * steps)
    return _or_all_frames(spread, count, num_frames)


def _frame_numbers(num_frames: int) -> tf.Tensor:
    if num_frames < 1:
        raise ValueError(
            f"`num_frames` must be >= 1. Received: num_frames={num_frames}"
        )
    return tf.range(num_frames)


def _clip_numbers(num_clips: int) -> tf.Tensor:
    if num_clips < 1:
        raise ValueError(f"`num_clips` must be >= 1. Received: num_clips={num_clips}")
    return tf.range(num_clips)[:, None]


def _or_all_frames(spread: tf.Tensor, count: tf.Tensor, num_frames: int) -> tf.Tensor:
    whole = tf.minimum(tf.range(num_frames), count - 1)
    return tf.where(count > num_frames, spread, whole)


def _slack(count: int | tf.Tensor, num_frames: int, stride: int) -> tf.Tensor:
    """The last place where a window can start; 0 in a video that is too short."""
    return tf.maximum(tf.cast(count, tf.int32) - (num_frames - 1) * stride - 1, 0)


def _window(start: tf.Tensor, count, num_frames: int, stride: int) -> tf.Tensor:
    indices = start + stride * _frame_numbers(num_frames)
    return tf.minimum(indices, tf.cast(count, tf.int32) - 1)
