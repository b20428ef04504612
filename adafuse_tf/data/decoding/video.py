"""Video files to frames, with PyAV."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from adafuse_tf import files
from adafuse_tf.data.decoding.packet_check import PacketCheck
from adafuse_tf.data.decoding.resample import resample
from adafuse_tf.data.decoding.video_error import VideoError, read_errors

# MPEG-4 in AVI packs two frames in one packet and leaves an empty one behind, so a
# sound file may show a frame or two less than it has packets.
_PACKED_FRAMES = 2


@dataclasses.dataclass(frozen=True)
class Video:
    """An open video.

    Attributes:
        frames: Yields uint8 RGB arrays `[H, W, 3]`, once, in display order.
        frame_rate: Average frames per second, 0 when the file does not say.
    """

    frames: Iterator[np.ndarray]
    frame_rate: float


def read_video(path: files.PathLike, short_side: int | None = None) -> np.ndarray:
    """Decodes a whole video.

    Args:
        path: The file, in any format that FFmpeg reads.
        short_side: Pixels of the shorter side of the frames returned, the aspect is
            kept. `None` keeps the size of the file.

    Returns:
        uint8 RGB frames `[N, H, W, 3]`.

    Raises:
        VideoError: The file is missing, empty, not a video, damaged or cut short.
    """
    with open_video(path, short_side) as video:
        return np.stack(list(video.frames))


@contextlib.contextmanager
def open_video(
    path: files.PathLike, short_side: int | None = None, fps: float | None = None
) -> Iterator[Video]:
    """Opens a video to go through its frames without holding them all in memory.

    Damage inside the file shows while the frames are read, a cut-off end after the
    last frame.

    Args:
        path: As in `read_video`.
        short_side: As in `read_video`.
        fps: Frames per second to pick: for every tick of that clock, the frame nearest
            in time. `None` yields the frames as they are.

    Raises:
        VideoError: As in `read_video`.
        ValueError: `short_side` or `fps` is not positive.
    """
    check_positive(short_side=short_side, fps=fps)
    with open_container(path) as (container, stream):
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        pictures = decode(path, container, stream)
        if fps is not None:
            timed = _timed(pictures, container, rate)
            pictures = resample(timed, fps, 1 / (rate or fps), path)
        yield Video(_to_arrays(pictures, short_side), fps or rate)


@contextlib.contextmanager
def open_container(path: files.PathLike):
    """Yields PyAV's container and video stream, for one thread, or a `VideoError`."""
    try:
        import av
    except ImportError as error:
        raise ImportError(
            "Reading videos needs PyAV: pip install 'adafuse_tf[train]'"
        ) from error
    path = str(path)
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(files.open_file(path, "rb"))
            empty = not file.read(1)
            file.seek(0)
        except FileNotFoundError:
            raise VideoError(path, "the file does not exist") from None
        except IsADirectoryError:
            raise VideoError(path, "it is a folder, not a file") from None
        except OSError as error:
            raise VideoError(path, str(error)) from error
        if empty:
            raise VideoError(path, "the file is empty (0 bytes)")
        try:
            # Titles in an odd encoding are no reason to refuse the pictures.
            container = av.open(
                file if files.is_remote(path) else path, metadata_errors="ignore"
            )
        except (*read_errors(), ValueError) as error:
            raise VideoError(path, f"not a readable video file ({error})") from error
        stack.enter_context(container)
        if not container.streams.video:
            raise VideoError(path, "the file has no video stream")
        stream = container.streams.video[0]
        # Whoever reads many videos already reads one per thread or process.
        stream.codec_context.thread_count = 1
        yield container, stream


def to_array(picture, size: tuple[int, int]) -> np.ndarray:
    """Converts PyAV's frame to uint8 RGB `[H, W, 3]` of `size` (width, height)."""
    return picture.to_ndarray(
        width=size[0], height=size[1], format="rgb24", interpolation="AREA"
    )


def scaled_size(width: int, height: int, short_side: int | None) -> tuple[int, int]:
    """Returns width and height with the shorter one set to `short_side`."""
    if short_side is None:
        return width, height
    scale = short_side / min(width, height)
    return round(width * scale), round(height * scale)


def check_positive(**arguments: float | None) -> None:
    """Raises a ValueError for the first argument that is not `None` or positive."""
    for name, value in arguments.items():
        if value is not None and not value > 0:
            raise ValueError(f"`{name}` must be positive. Received: {name}={value}")


def decode(path: files.PathLike, container, stream) -> Iterator:
    """Yields PyAV's frames in display order; checks that none is missing."""
    check = PacketCheck(path, container, stream)
    decoded = 0
    try:
        for packet in container.demux(stream):
            check.see(packet)
            for picture in packet.decode():
                decoded += 1
                yield picture
    except read_errors() as error:
        raise VideoError(path, f"frame {decoded} fails to decode ({error})") from error
    if decoded == 0:
        raise VideoError(path, "no frame could be decoded")
    if decoded < check.packets - check.hidden - _PACKED_FRAMES:
        raise VideoError(path, f"damaged: {decoded} of {check.packets} frames decode")
    check.finish()


def _timed(pictures: Iterable, container, rate: float) -> Iterator[tuple[float, Any]]:
    # AVI has no times of its own, and those derived for B-frames are out of order.
    trusted = container.format.name != "avi"
    for index, picture in enumerate(pictures):
        if not trusted or picture.pts is None:
            yield index / (rate or 1), picture
        else:
            yield float(picture.pts * picture.time_base), picture


def _to_arrays(pictures: Iterable, short_side: int | None) -> Iterator[np.ndarray]:
    size = None
    for picture in pictures:
        # One size for all frames, also where a stream changes it on the way.
        size = size or scaled_size(picture.width, picture.height, short_side)
        yield to_array(picture, size)
