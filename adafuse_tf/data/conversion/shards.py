"""Which record file gets which videos, and what it is made from."""

import collections
import dataclasses
import hashlib
import json
import os
import random
from collections.abc import Sequence

from adafuse_tf import files
from adafuse_tf.data.item import TRAIN_SPLIT, Item

# To be raised when the same videos and options come to give other bytes.
_VERSION = 1
_SHUFFLE_SEED = 0


@dataclasses.dataclass(frozen=True)
class Encoding:
    """How frames are chosen and encoded.

    Attributes:
        short_side: Pixels of the shorter side, `None` keeps the size.
        jpeg_quality: 1 to 100.
        fps: Frames per second to keep, `None` keeps all.

    Raises:
        ValueError: A number is out of range.
    """

    short_side: int | None = None
    jpeg_quality: int = 95
    fps: float | None = None

    def __post_init__(self):
        if self.short_side is not None and self.short_side < 1:
            raise ValueError(
                f"`short_side` must be >= 1. Received: short_side={self.short_side}"
            )
        if not 1 <= self.jpeg_quality <= 100:
            raise ValueError(
                "`jpeg_quality` must be in 1..100. Received: "
                f"jpeg_quality={self.jpeg_quality}"
            )
        if self.fps is not None and not self.fps > 0:
            raise ValueError(f"`fps` must be > 0. Received: fps={self.fps}")


@dataclasses.dataclass(frozen=True)
class Shard:
    """One record file that is to be.

    Attributes:
        file: Its name in the folder of the dataset.
        split: Name of the split.
        items: Its videos, in order.
        label_indices: Class of each of them.
        fingerprint: Differs when anything does that the file is made from.
    """

    file: str
    split: str
    items: tuple[Item, ...]
    label_indices: tuple[int, ...]
    fingerprint: str


def plan_shards(
    items: Sequence[Item], labels: Sequence[str], num_shards: int, encoding: Encoding
) -> list[Shard]:
    """Spreads the items of every split over `num_shards` files.

    Training clips come in a fixed random order, other splits keep theirs.

    Raises:
        ValueError: `num_shards` is not positive.
    """
    if num_shards < 1:
        raise ValueError(
            f"`num_shards` must be >= 1. Received: num_shards={num_shards}"
        )
    splits = collections.defaultdict(list)
    for item in items:
        splits[item.split].append(item)
    random.Random(_SHUFFLE_SEED).shuffle(splits[TRAIN_SPLIT])
    index = {label: i for i, label in enumerate(labels)}
    shards = []
    for split, members in splits.items():
        number = min(num_shards, len(members))
        for i in range(number):
            begin, end = (k * len(members) // number for k in (i, i + 1))
            part = tuple(members[begin:end])
            indices = tuple(index[item.label] for item in part)
            mark = _fingerprint(part, indices, encoding)
            file = f"{split}-{i:05d}-of-{number:05d}.tfrecord"
            shards.append(Shard(file, split, part, indices, mark))
    return shards


def _fingerprint(items, label_indices, encoding: Encoding) -> str:
    values = [
        _VERSION,
        dataclasses.asdict(encoding),
        label_indices,
        [[i.path, i.name, i.label, i.frame_pattern, i.num_frames] for i in items],
        [_as_on_disk(item) for item in items],
    ]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]


def _as_on_disk(item: Item) -> list[int] | str | None:
    """So that a repaired video is noticed; remote files cost too much to ask."""
    if files.is_remote(item.path):
        return None
    try:
        if item.frame_pattern is None:
            return _size_and_time(os.stat(item.path))
        with os.scandir(item.path) as entries:
            frames = sorted((e.name, *_size_and_time(e.stat())) for e in entries)
    except OSError:
        return None
    # A folder's own time stays when a frame is written over. Millions of frames are
    # too much to keep as a list.
    return hashlib.sha256(json.dumps(frames).encode()).hexdigest()


def _size_and_time(stat: os.stat_result) -> list[int]:
    return [stat.st_size, stat.st_mtime_ns]
