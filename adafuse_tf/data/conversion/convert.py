"""Videos to shards of records."""

import contextlib
import functools
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence

from tqdm import tqdm

from adafuse_tf import files
from adafuse_tf.data.conversion import shard_files
from adafuse_tf.data.conversion.conversion_run import (
    REPORT_FILE,
    Conversion,
    ConversionRun,
)
from adafuse_tf.data.conversion.encode_item import EncodedVideo, crashed, encode_item
from adafuse_tf.data.conversion.shards import Encoding, Shard
from adafuse_tf.data.item import Item
from adafuse_tf.data.worker_processes import map_in_processes

# Unreadable videos, and classes, that are named on the screen.
_LINES = 20


def convert(
    items: Sequence[Item],
    output_dir: files.PathLike,
    *,
    num_shards: int = 4,
    short_side: int | None = None,
    jpeg_quality: int = 95,
    fps: float | None = None,
    workers: int | None = None,
    progress: bool = False,
) -> Conversion:
    """Converts videos to record files, all splits.

    Writes `<split>-00000-of-00004.tfrecord` and so on, `dataset.json`, `report.json`
    with the videos that could not be read (those are left out), and `shards.json` with
    what each file was made from. The same arguments give the same files. Training
    clips are spread over the shards in a fixed random order, other splits keep theirs.

    Shards that an earlier call finished from the same videos with the same arguments
    are kept: a conversion that was cut off goes on, and one whose videos were repaired
    redoes their shards only. Record files of other conversions in the same folder are
    replaced once this one has succeeded.

    Args:
        items: What `read_source` returned.
        output_dir: Folder to write to, created if need be.
        num_shards: Files per split, fewer for a split with fewer videos.
        short_side: Resize the shorter side of the frames to so many pixels.
        jpeg_quality: 1 to 100.
        fps: Keep so many frames per second, each the nearest in time.
        workers: Processes that read videos, by default one per processor; 1 reads
            them in this process.
        progress: Show a progress bar and what is kept, on stderr.

    Raises:
        ValueError: A number is out of range, or no video at all could be read.
    """
    encoding = Encoding(short_side, jpeg_quality, fps)
    run = ConversionRun(items, output_dir, num_shards, encoding, progress)
    todo = list(itertools.chain.from_iterable(s.items for s in run.missing))
    work = functools.partial(encode_item, encoding=encoding)
    with (
        contextlib.closing(map_in_processes(work, todo, workers, crashed)) as videos,
        tqdm(
            initial=len(items) - len(todo),
            total=len(items),
            unit="clip",
            disable=not progress or not todo,
            mininterval=0.1 if sys.stderr.isatty() else 10,  # a log is no screen
        ) as bar,
    ):
        for shard in run.missing:
            part = itertools.islice(_counted(videos, bar), len(shard.items))
            shard_files.write_shard(run.folder, shard, serialize(shard, part))
    return run.finish()


def serialize(
    shard: Shard, videos: Iterable[EncodedVideo | str]
) -> Iterator[bytes | str]:
    """Yields the records of a shard's videos; what is wrong with one stays a text."""
    from adafuse_tf.data import records

    for item, label, video in zip(
        shard.items, shard.label_indices, videos, strict=True
    ):
        if isinstance(video, str):
            yield video
        else:
            yield records.encode_clip(
                video.jpegs,
                label_index=label,
                label_text=item.label,
                media_id=item.name,
                width=video.width,
                height=video.height,
                frame_rate=video.frame_rate,
            )


def _counted(videos: Iterator, bar: tqdm) -> Iterator:
    for video in videos:
        bar.update()
        yield video


def summary(result: Conversion, output_dir: files.PathLike) -> str:
    """Returns a few lines for people: unreadable videos, clips per split, rate."""
    lines = [f"unreadable: {error}" for error in result.bad.values()]
    if len(lines) > _LINES:
        more = len(lines) - _LINES
        lines[_LINES:] = [f"unreadable: and {more} more, see {REPORT_FILE}"]
    total = 0
    for name, split in result.info.splits.items():
        numbers = split.clips_per_label
        counts = ", ".join(f"{label} {n}" for label, n in numbers.items())
        if len(numbers) > _LINES:
            counts = f"{len(numbers)} classes of {min(numbers.values())} to "
            counts += f"{max(numbers.values())}"
        lines.append(f"{name}: {split.num_clips} clips ({counts})")
        total += split.num_clips
    rate = result.num_new / max(result.seconds, 1e-6)
    lines.append(
        f"{total} clips, {len(result.bad)} unreadable, in {output_dir}; read "
        f"{result.num_new} videos in {result.seconds:.1f} s ({rate:.0f}/s)"
    )
    return "\n".join(lines)
