"""What a look at every frame of one video tells; without TensorFlow."""

import dataclasses
import hashlib

import numpy as np

from adafuse_tf.data.decoding.item_reader import open_item, read_frames
from adafuse_tf.data.decoding.video import VideoError
from adafuse_tf.data.item import Item
from adafuse_tf.data.jpeg import encode_frame

THUMBNAIL_SIDE = 96

# Every so manieth pixel goes into the digest: enough to tell two videos apart.
_DIGEST_STEP = 4


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What was found in a video, or in a clip of a record file.

    Attributes:
        name: Name of the item, or media id of the clip.
        split: Name of its split.
        label: Name of its class.
        num_frames: Frames that could be decoded.
        width, height: Of the frames, in pixels; 0 if there are none.
        frame_rate: Frames per second, 0 if unknown.
        digest: The same for the same pictures.
        error: What is wrong with it, `None` if it is sound.
        thumbnail: The middle frame as a small JPEG, where it was asked for.
    """

    name: str
    split: str
    label: str
    num_frames: int = 0
    width: int = 0
    height: int = 0
    frame_rate: float = 0.0
    digest: str = ""
    error: str | None = None
    thumbnail: bytes | None = None


def inspect_item(item: Item, thumbnail: bool = False) -> Inspection:
    """Decodes all frames of an item."""
    result = Inspection(item.name, item.split, item.label)
    try:
        with open_item(item) as video:
            found = inspect_frames(video.frames)
        result = dataclasses.replace(result, **found, frame_rate=video.frame_rate)
        if thumbnail:
            middle = read_frames(item, [result.num_frames // 2], THUMBNAIL_SIDE)[0]
            result = dataclasses.replace(result, thumbnail=encode_frame(middle))
    except VideoError as error:
        return dataclasses.replace(result, error=error.cause)
    except ValueError as error:  # what its source says of it makes no sense
        return dataclasses.replace(result, error=str(error))
    return result


def crashed(item: Item) -> Inspection:
    """For a video that brought down the process that read it."""
    text = "the process that read it crashed"
    return Inspection(item.name, item.split, item.label, error=text)


def inspect_frames(frames) -> dict:
    """Returns number, size and digest of frames `[H, W, 3]`, as `Inspection` has it."""
    digest = hashlib.sha1(usedforsecurity=False)
    count = height = width = 0
    for frame in frames:
        count += 1
        height, width, _ = frame.shape
        few = frame[::_DIGEST_STEP, ::_DIGEST_STEP]
        digest.update(np.ascontiguousarray(few))
    return {
        "num_frames": count,
        "width": width,
        "height": height,
        "digest": digest.hexdigest(),
    }
