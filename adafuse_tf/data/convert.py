"""Videos of a manifest to shards of records."""

import collections
import concurrent.futures
import dataclasses
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import tensorflow as tf
from tqdm import tqdm

from adafuse_tf.data import dataset_info, records
from adafuse_tf.data.manifest import TRAIN_SPLIT, Item, training_labels
from adafuse_tf.data.video import VideoError, open_video

REPORT_FILE = "report.json"
_SHUFFLE_SEED = 0
_TEMPORARY = ".incomplete"


@dataclasses.dataclass(frozen=True)
class Conversion:
    """What `convert` did.

    Attributes:
        info: The dataset that was written.
        bad: Manifest path and cause of every video that could not be read.
        seconds: Time taken.
    """

    info: dataset_info.DatasetInfo
    bad: dict[str, str]
    seconds: float


def convert(
    items: Sequence[Item],
    output_dir: str | Path,
    *,
    num_shards: int = 4,
    short_side: int | None = None,
    jpeg_quality: int = 95,
    workers: int | None = None,
    progress: bool = False,
) -> Conversion:
    """Converts the videos of a manifest to record files, all splits.

    Writes `<split>-00000-of-00004.tfrecord` and so on, `dataset.json`, and
    `report.json` with the videos that could not be read; those are left out. The same
    arguments give the same files. Training clips are spread over the shards in a fixed
    random order, other splits keep the order of the manifest. Record files of an
    earlier conversion in the same folder are replaced once this one has succeeded.

    Args:
        items: What `read_manifest` returned.
        output_dir: Folder to write to, created if need be.
        num_shards: Files per split, fewer for a split with fewer videos.
        short_side: Resize the shorter side of the frames to so many pixels.
        jpeg_quality: 1 to 100.
        workers: Videos converted at a time, by default one per processor.
        progress: Show a progress bar.

    Raises:
        ValueError: A number is out of range, or no video at all could be read.
    """
    if num_shards < 1:
        raise ValueError(
            f"`num_shards` must be >= 1. Received: num_shards={num_shards}"
        )
    if not 1 <= jpeg_quality <= 100:
        raise ValueError(
            f"`jpeg_quality` must be in 1..100. Received: jpeg_quality={jpeg_quality}"
        )
    if workers is not None and workers < 1:
        raise ValueError(f"`workers` must be >= 1. Received: workers={workers}")
    start = time.monotonic()
    output_dir = Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    labels = training_labels(items)
    indices = {label: index for index, label in enumerate(labels)}

    def work(item: Item) -> bytes | VideoError:
        try:
            return _encode(item, indices[item.label], short_side, jpeg_quality)
        except VideoError as error:
            return error

    splits: dict[str, dataset_info.SplitInfo] = {}
    bad: dict[str, str] = {}
    # Threads, not processes: FFmpeg and libjpeg run outside Python's lock.
    with (
        concurrent.futures.ThreadPoolExecutor(workers or os.cpu_count()) as pool,
        tqdm(
            total=len(items),
            unit="clip",
            disable=not progress,
            mininterval=0.1 if sys.stderr.isatty() else 10,  # a log is no screen
        ) as bar,
    ):
        for split, members in _by_split(items).items():
            results = _ordered(pool, work, members, window=4 * (workers or 8))
            splits[split] = _write_split(
                output_dir, split, members, results, num_shards, labels, bad, bar
            )
    if not any(split.num_clips for split in splits.values()):
        raise ValueError(
            f"None of the {len(items)} videos could be read, the first: "
            f"{next(iter(bad.values()))}"
        )
    info = dataset_info.DatasetInfo(tuple(labels), splits, jpeg_quality, short_side)
    _publish(output_dir, info)
    result = Conversion(info, bad, time.monotonic() - start)
    _write_report(output_dir, result)
    return result


def summary(result: Conversion, output_dir: str | Path) -> str:
    """Returns a few lines for people: unreadable videos, clips per split, rate."""
    lines = [f"unreadable: {error}" for error in result.bad.values()]
    total = 0
    for name, split in result.info.splits.items():
        counts = ", ".join(f"{k} {n}" for k, n in split.clips_per_label.items())
        lines.append(f"{name}: {split.num_clips} clips ({counts})")
        total += split.num_clips
    rate = total / max(result.seconds, 1e-6)
    lines.append(
        f"{total} clips in {result.seconds:.1f} s ({rate:.0f}/s), "
        f"{len(result.bad)} unreadable, written to {output_dir}"
    )
    return "\n".join(lines)


def _by_split(items: Sequence[Item]) -> dict[str, list[Item]]:
    splits = collections.defaultdict(list)
    for item in items:
        splits[item.split].append(item)
    random.Random(_SHUFFLE_SEED).shuffle(splits[TRAIN_SPLIT])
    return dict(splits)


def _encode(item: Item, label_index: int, short_side: int | None, quality: int):
    jpegs = []
    with open_video(item.path, short_side) as video:
        for frame in video.frames:
            jpegs.append(records.encode_frame(frame, quality))
        height, width, _ = frame.shape
        return records.encode_clip(
            jpegs,
            label_index=label_index,
            label_text=item.label,
            media_id=item.name,
            width=width,
            height=height,
            frame_rate=video.frame_rate,
        )


def _ordered(pool, work: Callable, items: Sequence[Item], window: int) -> Iterator:
    """Like `pool.map`, but only `window` results wait in memory at a time."""
    waiting = collections.deque()
    for item in items:
        if len(waiting) >= window:
            yield waiting.popleft().result()
        waiting.append(pool.submit(work, item))
    while waiting:
        yield waiting.popleft().result()


def _write_split(output_dir, split, items, results, num_shards, labels, bad, bar):
    """Writes the shards of one split under temporary names; adds to `bad`."""
    num_shards = min(num_shards, len(items))
    files = [f"{split}-{i:05d}-of-{num_shards:05d}.tfrecord" for i in range(num_shards)]
    counts = collections.Counter()
    for shard, file in enumerate(files):
        begin = shard * len(items) // num_shards
        end = (shard + 1) * len(items) // num_shards
        with tf.io.TFRecordWriter(str(output_dir / (file + _TEMPORARY))) as writer:
            for item in items[begin:end]:
                result = next(results)
                if isinstance(result, VideoError):
                    bad[item.name] = str(result)
                else:
                    writer.write(result)
                    counts[item.label] += 1
                bar.update()
    per_label = {label: counts[label] for label in labels}
    return dataset_info.SplitInfo(counts.total(), tuple(files), per_label)


def _publish(output_dir: Path, info: dataset_info.DatasetInfo) -> None:
    """Gives the new shards their names and drops those of an earlier conversion."""
    names = {file for split in info.splits.values() for file in split.files}
    try:
        earlier = dataset_info.load_dataset_info(str(output_dir)).splits.values()
    except (FileNotFoundError, ValueError):
        earlier = ()
    for name in names:
        os.replace(output_dir / (name + _TEMPORARY), output_dir / name)
    dataset_info.save_dataset_info(info, str(output_dir))
    for name in {file for split in earlier for file in split.files} - names:
        (output_dir / name).unlink(missing_ok=True)
    for file in output_dir.glob("*" + _TEMPORARY):  # of a run that was cut off
        file.unlink()


def _write_report(output_dir: Path, result: Conversion) -> None:
    report = {
        "num_clips": sum(s.num_clips for s in result.info.splits.values()),
        "num_bad": len(result.bad),
        "bad": [{"path": name, "error": text} for name, text in result.bad.items()],
        "seconds": round(result.seconds, 3),
    }
    (output_dir / REPORT_FILE).write_text(json.dumps(report, indent=2) + "\n")
