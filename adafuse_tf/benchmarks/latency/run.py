"""Times dense and gated networks against each other and against their MACs."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from adafuse_tf import files
from adafuse_tf.benchmarks.latency.networks import export_networks
from adafuse_tf.benchmarks.latency.rows import rows_of
from adafuse_tf.benchmarks.latency.table import as_csv, as_markdown
from adafuse_tf.benchmarks.latency.trained import export_trained
from adafuse_tf.benchmarks.latency.variants import FORMS
from adafuse_tf.benchmarks.report import write_report
from adafuse_tf.inference.gated.gate import KINDS
from adafuse_tf.inference.gated.probes import RUNTIMES
from adafuse_tf.networks.resnet import BLOCKS_PER_STAGE
from adafuse_tf.own_process import in_own_process


@dataclasses.dataclass(frozen=True)
class LatencySettings:
    """What to time.

    Attributes:
        depths: ResNets, any of 18, 34, 50, 101.
        size: Frames are `size` x `size` pixels.
        num_frames: Frames of a clip.
        num_classes: Labels.
        group_sizes: Channels that share a decision; a gated network for each.
        hidden_units: Width of the policy networks. Their weights are read once per
            frame, 8 % of the time of a plain ResNet-50 at the published 1024.
        runtimes, threads, forms: What to run the networks in.
        mechanism: `"auto"` (the cost model chooses) or a kind, `"grouped"` or
            `"consumer"`.
        repeats: Timed calls per network and mix.
        with_movinet: Whether to time MoViNet-A0, too.
        model_dir: A run to time with the decisions that it takes on its validation
            clips, in steps and at its own size, instead of all the networks above.
    """

    depths: tuple = (18, 50)
    size: int = 224
    num_frames: int = 8
    num_classes: int = 174
    group_sizes: tuple = (32, 64)
    hidden_units: int = 256
    runtimes: tuple = RUNTIMES
    threads: tuple = (1, 2)
    forms: tuple = FORMS
    mechanism: str = "auto"
    repeats: int = 24
    with_movinet: bool = True
    model_dir: str | None = None

    def __post_init__(self):
        for name in ("depths", "group_sizes", "threads"):
            given = getattr(self, name)
            if not given or not all(str(value).isdigit() for value in given):
                raise ValueError(
                    f"`{name}` must be whole numbers, one at least. Received: "
                    f"{name}={given!r}"
                )
            object.__setattr__(self, name, tuple(int(value) for value in given))
        known = {
            "depths": tuple(BLOCKS_PER_STAGE),
            "runtimes": RUNTIMES,
            "forms": FORMS,
            "mechanism": ("auto", *KINDS),
        }
        for name, choices in known.items():
            value = getattr(self, name)
            given = (value,) if isinstance(value, str) else value
            if not given or not set(given) <= set(choices):
                raise ValueError(
                    f"`{name}` must be among {choices}. Received: {name}={value!r}"
                )
        numbers = ("size", "num_frames", "num_classes", "hidden_units", "repeats")
        for name in numbers:
            if getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be >= 1. Received: {name}={getattr(self, name)}"
                )
        if min(self.threads) < 1:
            raise ValueError(f"`threads` must be >= 1. Received: {self.threads}")
        if not all(g and 64 % g == 0 for g in self.group_sizes):
            raise ValueError(
                "`group_sizes` must divide the 64 channels of the first gates. "
                f"Received: group_sizes={self.group_sizes}"
            )


def to_stderr(line):
    """Says what is going on, apart from the results."""
    print(line, file=sys.stderr, flush=True)


def run(output_dir, settings=None, report=to_stderr):
    """Exports the networks, times them in turns, compares them and writes the table.

    Args:
        output_dir: Folder for `latency.md`, `latency.csv` and `latency.json`, or
            `latency_trained.*` with a `model_dir`.
        settings: `LatencySettings`.
        report: Called with lines of text on the way, in several processes: a function
            of a module.

    Returns:
        The Markdown.
    """
    settings = settings or LatencySettings()
    rows = measure(settings, report)
    name = "latency_trained" if settings.model_dir else "latency"
    files.write_text(files.join(output_dir, f"{name}.csv"), as_csv(rows))
    values = {"settings": dataclasses.asdict(settings), "rows": rows}
    return write_report(output_dir, name, values, as_markdown(rows))


def measure(settings, report=to_stderr):
    """As `run`, writing nothing.

    Returns:
        A list of rows, dicts of the columns of `table.COLUMNS`.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for runtime in settings.runtimes:
            networks = [*settings.depths, *(["movinet"] * settings.with_movinet)]
            export = export_networks
            if settings.model_dir:
                networks, export = [settings.model_dir], export_trained
            exported = {
                network: in_own_process(
                    export, network, settings, runtime, folder, report
                )
                for network in networks
            }
            for threads in settings.threads:
                for form in settings.forms:
                    variants = [
                        v for vs in exported.values() for v in vs if v.form == form
                    ]
                    if not variants:
                        continue
                    report(f"Timing {runtime}, {threads} threads, {form}")
                    records = _time(variants, runtime, threads, settings, folder)
                    rows += rows_of(records, variants, runtime, threads, form)
    return rows


def _time(variants, runtime, threads, settings, folder):
    job, output = Path(folder) / "job.json", Path(folder) / "records.json"
    job.write_text(
        json.dumps(
            {
                "runtime": runtime,
                "threads": threads,
                "form": variants[0].form,
                "size": settings.size,
                "repeats": settings.repeats,
                "variants": [dataclasses.asdict(v) for v in variants],
                "output": str(output),
            }
        ),
        encoding="utf-8",
    )
    subprocess.run(
        [sys.executable, "-m", "adafuse_tf.benchmarks.latency.worker", str(job)],
        check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    return json.loads(output.read_text(encoding="utf-8"))
