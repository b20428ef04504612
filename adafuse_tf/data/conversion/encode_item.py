"""One video to JPEG frames: what worker processes do, without TensorFlow."""

import dataclasses

from adafuse_tf.data.conversion.shards import Encoding
from adafuse_tf.data.decoding.item_reader import open_item
from adafuse_tf.data.item import Item
from adafuse_tf.data.jpeg import encode_frame


@dataclasses.dataclass(frozen=True)
class EncodedVideo:
    """Frames as JPEG bytes in order, their size in pixels, frames per second."""

    jpegs: list[bytes]
    width: int
    height: int
    frame_rate: float


def encode_item(item: Item, encoding: Encoding) -> EncodedVideo | str:
    """Reads and encodes a video; a text says what is wrong with it."""
    jpegs = []
    try:
        with open_item(item, encoding.short_side, encoding.fps) as video:
            for frame in video.frames:
                jpegs.append(encode_frame(frame, encoding.jpeg_quality))
    except ValueError as error:  # VideoError, or what cannot be asked of this video
        return str(error)
    height, width, _ = frame.shape
    return EncodedVideo(jpegs, width, height, video.frame_rate)


def crashed(item: Item) -> str:
    """What is wrong with a video that brought down the process that read it."""
    return f"Cannot read the video {item.path}: the process that read it crashed"
