"""Frames at another frame rate."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from adafuse_tf import files
from adafuse_tf.data.decoding.video_error import VideoError

T = TypeVar("T")

_TIME_TOLERANCE = 1e-6  # seconds
# A clock that jumps further was put together from recordings, or is broken.
_LONGEST_FRAME = 60.0  # seconds


def resample(
    timed: Iterable[tuple[float, T]],
    fps: float,
    last_seconds: float,
    path: files.PathLike,
) -> Iterator[T]:
    """Picks the frame nearest in time for every tick of a clock; the earlier of two.

    Args:
        timed: Time in seconds and frame, in order; the clock starts with the first.
        fps: Ticks per second.
        last_seconds: How long the last frame is shown.
        path: The video, for errors.

    Raises:
        VideoError: The time goes back, or jumps.
    """
    ticks = 0
    start = previous = None
    for time, frame in timed:
        if previous is None:
            start = time
        else:
            if not 0 <= time - previous[0] <= _LONGEST_FRAME:
                raise VideoError(
                    path,
                    f"its clock jumps from {previous[0]:.2f} to {time:.2f} s, so that "
                    "no other frame rate can be given to it; write it anew with FFmpeg",
                )
            middle = (previous[0] + time) / 2
            while start + ticks / fps <= middle + _TIME_TOLERANCE:
                yield previous[1]
                ticks += 1
        previous = time, frame
    while previous and (
        start + ticks / fps < previous[0] + last_seconds - _TIME_TOLERANCE
    ):
        yield previous[1]
        ticks += 1
