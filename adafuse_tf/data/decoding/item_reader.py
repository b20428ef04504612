"""Frames of an item, be it a video file or a folder of frames."""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np

from adafuse_tf.data.decoding import frame_folder, video_frames
from adafuse_tf.data.decoding.resample import resample
from adafuse_tf.data.decoding.video import Video, check_positive, open_video
from adafuse_tf.data.item import Item

FRAME_RATE = "frame_rate"


@contextlib.contextmanager
def open_item(
    item: Item, short_side: int | None = None, fps: float | None = None
) -> Iterator[Video]:
    """Opens an item to go through its frames without holding them all in memory.

    A folder of frames has the frame rate of `item.extra["frame_rate"]`, if it is
    there.

    Args:
        item: What a source returned.
        short_side: Pixels of the shorter side of the frames, the aspect is kept.
        fps: Frames per second to pick: for every tick of that clock, the frame nearest
            in time. `None` yields the frames as they are.

    Raises:
        VideoError: The video or a frame is missing or damaged, or there are fewer
            frames in the folder than the source says.
        ValueError: An argument is not positive, or `fps` is asked of a folder of
            frames whose frame rate is not known.
    """
    if item.frame_pattern is None:
        with open_video(item.path, short_side, fps) as video:
            yield video
        return
    check_positive(short_side=short_side, fps=fps)
    paths = frame_folder.frame_files(item)
    rate = _frame_rate(item)
    if fps is not None:
        if not rate:
            raise ValueError(
                "Frames in a folder have no time, so `fps` needs their frame rate: add "
                f"a column `{FRAME_RATE}` to the manifest. Received: fps={fps}, "
                f"path={item.path!r}"
            )
        timed = ((index / rate, path) for index, path in enumerate(paths))
        paths = resample(timed, fps, 1 / rate, item.path)
    frames = frame_folder.to_arrays(paths, item.path, short_side)
    yield Video(frames, fps or rate)


def read_frames(
    item: Item, indices: Sequence[int], short_side: int | None = None
) -> np.ndarray:
    """Reads some frames, decoding as little else as can be.

    Args:
        item: What a source returned.
        indices: Which frames, from 0, in any order and with repetitions.
        short_side: Pixels of the shorter side of the frames, the aspect is kept.

    Returns:
        uint8 RGB frames `[len(indices), H, W, 3]`, the very pixels that `open_item`
        yields.

    Raises:
        VideoError: As for `open_item`, or there is no frame of that index.
        ValueError: `indices` is empty or has a negative one, or `short_side` is not
            positive.
    """
    indices = [int(index) for index in indices]
    check_positive(short_side=short_side)
    if not indices or min(indices) < 0:
        raise ValueError(
            f"`indices` must be one or more numbers >= 0. Received: indices={indices}"
        )
    if item.frame_pattern is None:
        found = video_frames.read(item.path, set(indices), short_side)
    else:
        found = frame_folder.read(item, set(indices), short_side)
    return np.stack([found[index] for index in indices])


def count_frames(item: Item) -> int:
    """Returns how many frames `open_item` yields, without decoding where possible.

    Raises:
        VideoError: As for `open_item`.
    """
    if item.frame_pattern is None:
        return video_frames.count(item.path)
    return len(frame_folder.frame_files(item))


def _frame_rate(item: Item) -> float:
    text = item.extra.get(FRAME_RATE) or "0"
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"The {FRAME_RATE} of {item.name!r} must be a number. Received: "
            f"{FRAME_RATE}={text!r}"
        ) from None
