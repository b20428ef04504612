"""How many frames a second several cameras get out of one opened model."""

import dataclasses
import threading
import time
from pathlib import Path

import numpy as np

from adafuse_tf.benchmarks.report import markdown_table, write_report
from adafuse_tf.inference import VideoStream, open_exported

DEFAULT_MODEL = "saved_models/camera_moves.tflite"

# One interpreter that each call waits for, and one per core.
VARIANTS = ("one interpreter", "a pool")


@dataclasses.dataclass(frozen=True)
class CamerasSettings:
    """What to time.

    Attributes:
        model_path: A `.tflite` that takes one stream at a time.
        cameras: Numbers of threads, each of which pushes the frames of a video of its
            own as fast as it can.
        seconds: Length of each measurement.
        repeats: Rounds; in each, both variants are measured once.
    """

    model_path: str = DEFAULT_MODEL
    cameras: tuple = (1, 2, 4, 8)
    seconds: float = 2.0
    repeats: int = 12

    def __post_init__(self):
        if Path(self.model_path).suffix != ".tflite":
            raise ValueError(
                "Interpreters are of a .tflite; a SavedModel has none. "
                f"Received: model_path={str(self.model_path)!r}"
            )
        if self.repeats < 1 or not self.seconds > 0:
            raise ValueError(
                "`repeats` must be >= 1 and `seconds` positive. "
                f"Received: repeats={self.repeats}, seconds={self.seconds}"
            )
        try:
            cameras = tuple(int(count) for count in self.cameras)
        except ValueError:
            cameras = ()
        if not cameras or min(cameras) < 1:
            raise ValueError(
                f"`cameras` must be positive integers. Received: {self.cameras}"
            )
        object.__setattr__(self, "cameras", cameras)


def run(output_dir, settings=None):
    """Measures and writes `cameras.md` and `cameras.json`.

    Args:
        output_dir: Folder to write to.
        settings: `CamerasSettings`.

    Returns:
        The Markdown.

    Raises:
        FileNotFoundError, ValueError: The model cannot be opened or cannot stream.
    """
    settings = settings or CamerasSettings()
    models = {
        VARIANTS[0]: open_exported(settings.model_path, max_interpreters=1),
        VARIANTS[1]: open_exported(settings.model_path),
    }
    rows = []
    for count in settings.cameras:
        rates = _rates_in_turns(models, count, settings)
        rows.append(row_of(count, rates))
    values = {"settings": dataclasses.asdict(settings), "rows": rows}
    text = (
        f"{Path(settings.model_path).name}, opened once with one thread per call; "
        f"each camera is a thread with a `VideoStream`. Medians of {settings.repeats} "
        f"rounds of {settings.seconds:g} s, quartiles of the ratio of each round.\n\n"
    )
    return write_report(output_dir, "cameras", values, text + as_markdown(rows))


def row_of(cameras, rates):
    """A row of the table.

    Args:
        cameras: Number of cameras.
        rates: Variant to frames per second of all cameras, in the order of the rounds.

    Returns:
        A dict with `cameras`, `fps` (median by variant), `ratio` (quartiles over the
        rounds of what the second variant gains) and `fps_of_rounds`.
    """
    one, pool = (np.array(rates[name]) for name in VARIANTS)
    return {
        "cameras": cameras,
        "fps": {name: float(np.median(rates[name])) for name in VARIANTS},
        "ratio": [float(q) for q in np.quantile(pool / one, (0.25, 0.5, 0.75))],
        "fps_of_rounds": {name: [float(r) for r in rates[name]] for name in VARIANTS},
    }


def as_markdown(rows):
    """A table for people: quartiles in brackets."""
    header = ("cameras", *(f"frames/s, {name}" for name in VARIANTS), "ratio")
    cells = []
    for row in rows:
        low, median, high = row["ratio"]
        rates = (f"{row['fps'][name]:.0f}" for name in VARIANTS)
        ratio = f"x{median:.2f} ({low:.2f} to {high:.2f})"
        cells.append((str(row["cameras"]), *rates, ratio))
    return markdown_table(header, cells)


def _rates_in_turns(models, count, settings):
    streams = {
        name: [VideoStream(model) for _ in range(count)]
        for name, model in models.items()
    }
    size = streams[VARIANTS[0]][0].preprocessing.crop
    videos = [_video(number, size) for number in range(count)]
    for own in streams.values():
        _frames_per_second(own, videos, settings.seconds / 2)  # opens interpreters
    rates = {name: [] for name in VARIANTS}
    for number in range(settings.repeats):
        # Neither variant always finds the machine as the other has left it.
        for name in VARIANTS if number % 2 == 0 else VARIANTS[::-1]:
            rate = _frames_per_second(streams[name], videos, settings.seconds)
            rates[name].append(rate)
    return rates


def _frames_per_second(streams, videos, seconds):
    """Of all cameras together, each pushing for so long."""
    ready = threading.Barrier(len(streams) + 1)
    counts, errors = [0] * len(streams), []

    def push(number):
        stream, video = streams[number], videos[number]
        ready.wait()
        end = time.perf_counter() + seconds
        try:
            while time.perf_counter() < end:
                stream.push(video[counts[number] % len(video)])
                counts[number] += 1
        except Exception as error:  # of a thread, it would only be printed
            errors.append(error)

    threads = [
        threading.Thread(target=push, args=(number,)) for number in range(len(streams))
    ]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - start
    if errors:
        raise errors[0]
    return sum(counts) / elapsed


def _video(seed, size, num_frames=32):
    """uint8 `[num_frames, size, size, 3]`: a coarse picture that moves."""
    rng = np.random.default_rng(seed)
    tiles = rng.integers(0, 256, (-(-size // 16), -(-size // 16), 3), "uint8")
    picture = tiles.repeat(16, axis=0).repeat(16, axis=1)[:size, :size]
    return np.stack([np.roll(picture, t, axis=1) for t in range(num_frames)])
