"""How much the input pipeline costs beyond the decoding that nobody can spare."""

import concurrent.futures
import dataclasses
import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import psutil
import tensorflow as tf

from adafuse_tf import data, files
from adafuse_tf.benchmarks.report import markdown_table, write_report
from adafuse_tf.data import camera_moves, records
from adafuse_tf.data.conversion import convert
from adafuse_tf.models import VideoClassifier

# Frames about as large as those of the published records.
_VIDEOS = {"train_clips": 48, "validation_clips": 0, "num_frames": 32, "size": 320}
_BATCH = 8
# Over the data per turn: the start of an iterator is not to count.
_PASSES = 4


@dataclasses.dataclass(frozen=True)
class Rate:
    """One way through the data.

    Attributes:
        name: What was done.
        base: Name of the row that it is compared with, itself for a base.
        clips_per_second: Median over the rounds.
        cpu_seconds_per_clip: Processor time, all threads; median over the rounds.
        cores_busy: Processor time per second.
    """

    name: str
    base: str
    clips_per_second: float
    cpu_seconds_per_clip: float
    cores_busy: float


def run(
    work_dir: str,
    output_dir: str,
    manifest: str | None = None,
    rounds: int = 5,
    train_steps: int = 20,
    soak_minutes: float = 0.0,
    preprocessing: data.Preprocessing | None = None,
) -> str:
    """Measures the input pipeline and writes `data.json` and `data.md`.

    All ways through the data take turns in each round, so that whatever else the
    machine does meets all alike. Records have frames as small as evaluation wants
    them, as for any training of more than an epoch.

    Args:
        work_dir: Folder for records, and for videos if there is no manifest.
        output_dir: Folder for the results.
        manifest: Videos to read, those of the split `train`; by default 48 videos of
            camera moves, 320 x 320 pixels, 32 frames.
        rounds: Turns per row, each of several passes over the data.
        train_steps: Training steps whose wait for data is measured.
        soak_minutes: Then read for so long, and watch the memory.
        preprocessing: Frames per clip and sizes; by default those of the presets.

    Returns:
        The Markdown.
    """
    preprocessing = preprocessing or data.Preprocessing()
    if manifest is None:
        manifest = str(camera_moves.write_camera_moves(work_dir, **_VIDEOS))
    items = [i for i in data.read_manifest(manifest) if i.split == "train"]
    folder = files.join(work_dir, "records")
    convert.convert(items, folder, short_side=preprocessing.resize)
    ways = _ways(items, data.record_files(folder, "train"), preprocessing)
    rates = _measure(ways, _PASSES * len(items), rounds)
    wait = _share_of_wait(folder, preprocessing, train_steps)
    memory = _soak(folder, preprocessing, soak_minutes * 60) if soak_minutes else []
    values = {
        "clips": len(items),
        "preprocessing": preprocessing.to_dict(),
        "rounds": rounds,
        "rates": [dataclasses.asdict(rate) for rate in rates],
        "share_of_wait": wait,
        "memory": memory,
    }
    return write_report(output_dir, "data", values, _text(values, rates))


def _ways(
    items, paths, preprocessing
) -> dict[str, tuple[str, int, Callable[[], Iterator[Any]]]]:
    """Name -> (name of its base, clips per element, function that gives an endless
    iterator)."""
    num_frames = preprocessing.num_frames
    jpeg = f"bare JPEG decoding of {num_frames} frames"
    pyav = "PyAV, all frames of the videos"
    augmentation = data.Augmentation()
    labels = data.training_labels(items)
    options = {"preprocessing": preprocessing, "batch_size": _BATCH, "repeat": True}
    bare = _bare_decoding(paths, num_frames)
    plain = _plain_batches(paths, preprocessing)
    train = data.clips(paths, training=True, augmentation=augmentation, **options)
    evaluate = data.clips(paths, training=False, **options)
    videos = data.video_clips(items, labels, training=False, **options)
    ways = {
        jpeg: (jpeg, 1, lambda: iter(bare)),
        "the same, cropped, normalised, in batches": (
            jpeg,
            _BATCH,
            lambda: iter(plain),
        ),
        "evaluation clips from records": (jpeg, _BATCH, lambda: iter(evaluate)),
        "training clips from records": (jpeg, _BATCH, lambda: iter(train)),
        pyav: (pyav, 1, lambda: _in_threads(_decode_with_pyav, items)),
        "evaluation clips from videos": (pyav, _BATCH, lambda: iter(videos)),
    }
    try:
        import cv2  # noqa: F401
    except ImportError:
        return ways
    name = "OpenCV, all frames of the videos"
    return {**ways, name: (pyav, 1, lambda: _in_threads(_decode_with_opencv, items))}


def _jpegs(record, num_frames) -> list[tf.Tensor]:
    frames = records.parse_clip(record)["frames"]
    chosen = tf.gather(frames, data.segment_indices(tf.shape(frames)[0], num_frames))
    return tf.unstack(chosen, num_frames)


def _bare_decoding(paths, num_frames) -> tf.data.Dataset:
    def decode(record):
        frames = [tf.io.decode_jpeg(jpeg, 3) for jpeg in _jpegs(record, num_frames)]
        return tf.stack([frame[0, 0, 0] for frame in frames])

    clips = tf.data.TFRecordDataset(paths).repeat()
    return clips.map(decode, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _plain_batches(paths, preprocessing) -> tf.data.Dataset:
    """What nobody can spare who wants batches of floats: no choice, no checks."""
    crop = preprocessing.crop

    def decode(record):
        jpegs = _jpegs(record, preprocessing.num_frames)
        frames = tf.stack([tf.io.decode_jpeg(jpeg, 3) for jpeg in jpegs])
        return preprocessing.normalize(frames[:, :crop, :crop])

    clips = tf.data.TFRecordDataset(paths).repeat().map(decode, tf.data.AUTOTUNE)
    return clips.batch(_BATCH).prefetch(tf.data.AUTOTUNE)


def _in_threads(decode: Callable, items) -> Iterator[int]:
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        while True:
            yield from pool.map(decode, [item.path for item in items])


def _decode_with_pyav(path: str) -> int:
    import av

    with av.open(path) as container:
        return sum(
            frame.to_ndarray(format="rgb24").shape[0] > 0
            for frame in container.decode(video=0)
        )


def _decode_with_opencv(path: str) -> int:
    import cv2

    video, count = cv2.VideoCapture(path), 0
    while True:
        there, frame = video.read()
        if not there:
            return count
        cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        count += 1


def _measure(ways, num_clips: int, rounds: int) -> list[Rate]:
    wall, cpu = {name: [] for name in ways}, {name: [] for name in ways}
    for _, (name, way) in itertools.product(range(rounds), ways.items()):
        _, clips_per_element, start = way
        iterator = start()
        next(iterator)  # builds the graph
        count = -(-num_clips // clips_per_element)
        begin, begin_cpu = time.perf_counter(), time.process_time()
        for _ in range(count):
            next(iterator)
        clips = count * clips_per_element
        wall[name].append((time.perf_counter() - begin) / clips)
        cpu[name].append((time.process_time() - begin_cpu) / clips)
        del iterator  # its threads end
    return [
        Rate(
            name,
            base,
            1 / statistics.median(wall[name]),
            statistics.median(cpu[name]),
            sum(cpu[name]) / sum(wall[name]),
        )
        for name, (base, _, _) in ways.items()
    ]


def _training_batches(folder: str, preprocessing) -> Iterator:
    paths = data.record_files(folder, "train")
    augmentation = data.Augmentation()
    return iter(
        data.clips(
            paths,
            preprocessing,
            _BATCH,
            training=True,
            augmentation=augmentation,
            drop_remainder=True,
            repeat=True,
        )
    )


def _share_of_wait(folder: str, preprocessing, steps: int) -> float:
    """Share of a training run that the step waits for its batch."""
    classes = len(data.load_dataset_info(folder).labels)
    model = VideoClassifier.from_preset("tsn_resnet18", classes, width=0.25)
    loss = {"logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}
    model.compile("sgd", loss=loss)
    batches = _training_batches(folder, preprocessing)
    waited = total = 0.0
    for step in range(steps + 3):
        start = time.perf_counter()
        clips, labels = next(batches)
        ready = time.perf_counter()
        model.train_on_batch(clips, labels)
        if step >= 3:  # tracing and the first batches
            waited += ready - start
            total += time.perf_counter() - start
    return waited / total


def _soak(folder: str, preprocessing, seconds: float) -> list[dict[str, float]]:
    """Reads for some time; returns the resident memory in MB every twentieth of it."""
    process, batches = psutil.Process(), _training_batches(folder, preprocessing)
    next(batches)  # builds the graph
    readings, clips, start = [], _BATCH, time.monotonic()
    while (passed := time.monotonic() - start) < seconds:
        next(batches)
        clips += _BATCH
        if passed >= len(readings) * seconds / 20:
            resident = process.memory_info().rss / 2**20
            readings.append({"minutes": passed / 60, "mb": resident, "clips": clips})
    return readings


def _text(values: dict, rates: list[Rate]) -> str:
    preprocessing = values["preprocessing"]
    by_name = {rate.name: rate for rate in rates}
    rows = []
    for rate in rates:
        ratio = rate.cpu_seconds_per_clip
        ratio /= by_name[rate.base].cpu_seconds_per_clip
        rows.append(
            [
                rate.name,
                f"{rate.clips_per_second:.1f}",
                f"{1000 * rate.cpu_seconds_per_clip:.1f}",
                f"{rate.cores_busy:.2f}",
                "1" if rate.base == rate.name else f"{ratio:.2f}",
            ]
        )
    header = ["", "clips/s", "CPU ms per clip", "cores busy", "CPU, against bare"]
    text = [
        f"{values['clips']} videos, clips of {preprocessing['num_frames']} frames, "
        f"short side {preprocessing['resize']} (of the records, too), crop "
        f"{preprocessing['crop']}; medians of {values['rounds']} rounds in turn.",
        "",
        markdown_table(header, rows),
        "",
        "Each row is compared with the bare decoding above it. A training step "
        f"(ResNet-18 of a quarter of the width, batch {_BATCH}) waits for its clips "
        f"{values['share_of_wait']:.1%} of the time.",
    ]
    memory = values["memory"]
    if memory:
        # The first tenth fills the shuffle and the buffers.
        begin, end = memory[len(memory) // 10], memory[-1]
        text += [
            "",
            f"Reading training clips for {end['minutes']:.0f} minutes ({end['clips']} "
            f"clips): {begin['mb']:.0f} MB of memory after {begin['minutes']:.0f} "
            f"minutes, {end['mb']:.0f} MB at the end, at most "
            f"{max(m['mb'] for m in memory):.0f} MB.",
        ]
    return "\n".join(text)
