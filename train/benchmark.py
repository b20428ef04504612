"""Measures the package on this machine and writes what it found.

    python train/benchmark.py data                    # the input pipeline
    python train/benchmark.py data --soak_minutes 60  # and its memory over an hour

Both sides of each comparison are measured in the same run. Results go to
`--output_dir`, one Markdown and one JSON file per benchmark.
"""

from absl import app, flags

_OUTPUT_DIR = flags.DEFINE_string("output_dir", "docs/benchmarks", "Where to write.")
_WORK_DIR = flags.DEFINE_string("work_dir", "runs/benchmark", "For what it reads.")
_MANIFEST = flags.DEFINE_string(
    "manifest", None, "data: videos to read; default: some that it makes."
)
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Repetitions.", lower_bound=1)
_SOAK_MINUTES = flags.DEFINE_float(
    "soak_minutes", 0.0, "data: then watch the memory for so long.", lower_bound=0.0
)


def _data():
    from adafuse_tf.benchmarks import input_pipeline

    return input_pipeline.run(
        _WORK_DIR.value,
        _OUTPUT_DIR.value,
        manifest=_MANIFEST.value,
        rounds=_ROUNDS.value,
        soak_minutes=_SOAK_MINUTES.value,
    )


_BENCHMARKS = {"data": _data}


def main(argv):
    if len(argv) != 2 or argv[1] not in _BENCHMARKS:
        raise app.UsageError(
            f"Say which benchmark: {', '.join(_BENCHMARKS)}. Received: {argv[1:]}"
        )
    from adafuse_tf import cli

    cli.quiet_tensorflow()
    with cli.one_line_errors():
        print(_BENCHMARKS[argv[1]]())


if __name__ == "__main__":
    app.run(main)
