"""What gates cost while a network trains: time and memory of a step."""

import dataclasses
import resource
import time

import numpy as np

from adafuse_tf.benchmarks.report import markdown_table, write_report
from adafuse_tf.networks.resnet import BLOCKS_PER_STAGE
from adafuse_tf.own_process import in_own_process

# The plain network, the dense twin (gates that keep everything, without policy
# networks), and AdaFuse; all three shift the same maps.
VARIANTS = ("plain", "dense twin", "AdaFuse")


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """What to time.

    Attributes:
        depths: ResNets, any of 18, 34, 50, 101.
        size: Frames are `size` x `size` pixels.
        num_frames, batch_size: Of the clips of a step.
        repeats: Timed steps per network.
    """

    depths: tuple = (18, 50)
    size: int = 112
    num_frames: int = 8
    batch_size: int = 4
    repeats: int = 12

    def __post_init__(self):
        for name in ("size", "num_frames", "batch_size", "repeats"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be >= 1. Received: {name}={getattr(self, name)}"
                )
        known = [str(depth) for depth in BLOCKS_PER_STAGE]
        if not self.depths or not {str(depth) for depth in self.depths} <= set(known):
            raise ValueError(
                f"`depths` must be among {known}. Received: depths={self.depths}"
            )
        object.__setattr__(self, "depths", tuple(int(depth) for depth in self.depths))


def run(output_dir, settings=None):
    """Times steps in turns and writes `training.md` and `training.json`.

    Args:
        output_dir: Folder to write to.
        settings: `TrainingSettings`.

    Returns:
        The Markdown.
    """
    settings = settings or TrainingSettings()
    rows = []
    for depth in settings.depths:
        seconds = in_own_process(_time_in_turns, depth, settings)
        memory = {
            name: in_own_process(_memory, name, depth, settings) for name in VARIANTS
        }
        rows += rows_of(depth, seconds, memory)
    values = {"settings": dataclasses.asdict(settings), "rows": rows}
    return write_report(output_dir, "training", values, as_markdown(rows))


def rows_of(depth, seconds, memory):
    """Rows of the table.

    Args:
        depth: Of the ResNet.
        seconds: Variant to its times, in the order of the rounds.
        memory: Variant to bytes.

    Returns:
        Dicts with `network`, `ms` (the median), `gib`, `ms_of_rounds` and, but for the
        first variant, the ratios `of_plain` and `of_twin`: lower quartile, median and
        upper quartile over rounds of ratios within a round.
    """
    plain, twin, adafuse = (np.array(seconds[name]) for name in VARIANTS)
    ratios = {
        VARIANTS[0]: {},
        VARIANTS[1]: {"of_plain": twin / plain},
        VARIANTS[2]: {"of_plain": adafuse / plain, "of_twin": adafuse / twin},
    }
    return [
        {
            "network": f"ResNet-{depth}, {name}",
            "ms": 1e3 * float(np.median(seconds[name])),
            **{key: _quartiles(rounds) for key, rounds in ratios[name].items()},
            "gib": memory[name] / 2**30,
            "ms_of_rounds": [1e3 * float(value) for value in seconds[name]],
        }
        for name in VARIANTS
    ]


def _quartiles(values):
    return [float(value) for value in np.quantile(values, (0.25, 0.5, 0.75))]


def as_markdown(rows):
    """A table for people: quartiles in brackets, a dash for a ratio of itself."""
    header = ("network", "ms per step", "of plain", "of its dense twin", "peak GiB")
    cells = [
        (
            row["network"],
            f"{row['ms']:.0f}",
            _ratio(row.get("of_plain")),
            _ratio(row.get("of_twin")),
            f"{row['gib']:.2f}",
        )
        for row in rows
    ]
    return markdown_table(header, cells)


def _ratio(quartiles):
    if quartiles is None:
        return "–"
    low, median, high = quartiles
    return f"x{median:.2f} ({low:.2f} to {high:.2f})"


def _time_in_turns(depth, settings):
    steps = {name: _make_step(name, depth, settings) for name in VARIANTS}
    for step in steps.values():
        step()  # traces
        step()
    seconds = {name: [] for name in VARIANTS}
    for _ in range(settings.repeats):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def _memory(name, depth, settings):
    """Most bytes in use over two steps: of the GPU if there is one, else of all."""
    import tensorflow as tf

    step = _make_step(name, depth, settings)
    for _ in range(2):
        step()
    if tf.config.list_physical_devices("GPU"):
        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _make_step(name, depth, settings):
    import keras

    from adafuse_tf.costs import FlopsLoss
    from adafuse_tf.models import VideoClassifier

    keras.utils.set_random_seed(0)
    num_classes, frames, size = 174, settings.num_frames, settings.size
    preset = f"{'tsm' if name == 'plain' else 'adafuse_tsm'}_resnet{depth}"
    changes = {"shift_projection": True}  # with gates the default
    if name == "dense twin":
        changes["policy"] = "keep"
    model = VideoClassifier.from_preset(preset, num_classes, **changes)
    loss = {"logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}
    if name == "AdaFuse":
        loss["gmacs"] = FlopsLoss(0.1, reference=model.dense_gmacs(frames, size, size))
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9, global_clipnorm=20.0)
    model.compile(optimizer, loss=loss)
    rng = np.random.default_rng(0)
    shape = (settings.batch_size, frames, size, size, 3)
    clips = rng.normal(size=shape).astype("float32")
    labels = rng.integers(num_classes, size=settings.batch_size)
    return lambda: model.train_on_batch(clips, labels)
