"""Video files to frames, with PyAV."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

# MPEG-4 in AVI packs two frames in one packet and leaves an empty one behind, so a
# sound file may show a frame or two less than it has packets.
_PACKED_FRAMES = 2
# Matroska and WebM tell their duration but not how many frames they have, and the last
# frame may be meant to stay; so only a large gap at the end means that it was cut off.
_MISSING_SHARE = 0.1


class VideoError(ValueError):
    """A video file that cannot be read completely.

    Attributes:
        path: The file.
        cause: What is wrong with it, in one line.
    """

    def __init__(self, path: str | Path, cause: str):
        self.path = Path(path)
        self.cause = cause
        super().__init__(f"Cannot read the video {path}: {cause}")


@dataclasses.dataclass(frozen=True)
class Video:
    """An open video.

    Attributes:
        frames: Yields uint8 RGB arrays `[H, W, 3]`, once, in display order.
        frame_rate: Average frames per second, 0 when the file does not say.
    """

    frames: Iterator[np.ndarray]
    frame_rate: float


def read_video(path: str | Path, short_side: int | None = None) -> np.ndarray:
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
def open_video(path: str | Path, short_side: int | None = None) -> Iterator[Video]:
    """Opens a video to go through its frames without holding them all in memory.

    Arguments and errors are those of `read_video`. Damage inside the file shows while
    the frames are read, a cut-off end after the last frame.
    """
    try:
        import av
    except ImportError as error:
        raise ImportError(
            "Reading videos needs PyAV: pip install 'adafuse_tf[train]'"
        ) from error
    if short_side is not None and short_side < 1:
        raise ValueError(
            f"`short_side` must be positive. Received: short_side={short_side}"
        )
    path = Path(path)
    if not path.is_file():
        raise VideoError(path, "the file does not exist")
    if path.stat().st_size == 0:
        raise VideoError(path, "the file is empty (0 bytes)")
    try:
        # Titles in an odd encoding are no reason to refuse the pictures.
        container = av.open(str(path), metadata_errors="ignore")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoError(path, f"not a readable video file ({error})") from error
    with container:
        if not container.streams.video:
            raise VideoError(path, "the file has no video stream")
        stream = container.streams.video[0]
        # The conversion already runs one video per thread.
        stream.codec_context.thread_count = 1
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        yield Video(_frames(path, container, stream, short_side), rate)


def _frames(path, container, stream, short_side) -> Iterator[np.ndarray]:
    import av

    packets = hidden = decoded = 0
    end = 0.0  # seconds
    size = None
    try:
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise VideoError(path, f"damaged or cut short at frame {decoded}")
            packets += packet.size > 0
            hidden += packet.is_discard
            if packet.pts is not None:
                stop = packet.pts + (packet.duration or 0)
                end = max(end, float(stop * packet.time_base))
            for frame in packet.decode():
                decoded += 1
                # One size for all frames, also where a stream changes it on the way.
                size = size or _size(frame.width, frame.height, short_side)
                yield frame.to_ndarray(
                    width=size[0], height=size[1], format="rgb24", interpolation="AREA"
                )
    except av.error.FFmpegError as error:
        raise VideoError(path, f"frame {decoded} fails to decode ({error})") from error
    if decoded == 0:
        raise VideoError(path, "no frame could be decoded")
    if packets < stream.frames:
        raise VideoError(
            path, f"cut short: {packets} of {stream.frames} frames are there"
        )
    if decoded < packets - hidden - _PACKED_FRAMES:
        raise VideoError(path, f"damaged: {decoded} of {packets} frames decode")
    duration = _declared_seconds(container)
    if end < duration * (1 - _MISSING_SHARE):
        raise VideoError(path, f"cut short: {end:.2f} of {duration:.2f} s are there")


def _declared_seconds(container) -> float:
    """Duration of the video as Matroska's header has it, 0 where it does not tell."""
    alone = len(container.streams) == 1  # a sound track may go on for longer
    if "matroska" not in container.format.name or not alone:
        return 0.0
    return (container.duration or 0) / 1e6


def _size(width: int, height: int, short_side: int | None) -> tuple[int, int]:
    if short_side is None:
        return width, height
    scale = short_side / min(width, height)
    return round(width * scale), round(height * scale)
