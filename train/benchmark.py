"""Measures the package on this machine and writes what it found.

    python train/benchmark.py data                    # the input pipeline
    python train/benchmark.py data --soak_minutes 60  # and its memory over an hour
    python train/benchmark.py latency                 # dense against gated networks
    python train/benchmark.py latency --model_dir runs/my  # a run, as it decides
    python train/benchmark.py train                   # a step with gates and without
    python train/benchmark.py cameras                 # one .tflite, several cameras
    python train/benchmark.py networks                # all of keras.applications

Both sides of each comparison are measured in the same run. Results go to
`--output_dir`, a Markdown and a JSON file per benchmark, for `latency` a CSV file, too
(`latency_trained` with `--model_dir`).
"""

import os

from absl import app, flags

os.environ.setdefault("ADAFUSE_TF_LAZY", "1")  # `--help` does without TensorFlow

from adafuse_tf import cli

_OUTPUT_DIR = flags.DEFINE_string("output_dir", "docs/benchmarks", "Where to write.")
_ROUNDS = flags.DEFINE_integer(
    "rounds",
    None,
    "Repetitions; default: 5 for data, 24 for latency, 12 for train and cameras.",
    lower_bound=1,
)
_WORK_DIR = flags.DEFINE_string(
    "work_dir", "runs/benchmark", "data: for what it reads."
)
_MANIFEST = flags.DEFINE_string(
    "manifest", None, "data: videos to read; default: some that it makes."
)
_SOAK_MINUTES = flags.DEFINE_float(
    "soak_minutes", 0.0, "data: then watch the memory for so long.", lower_bound=0.0
)
_NAMES = flags.DEFINE_list(
    "names", [], "networks: such as MobileNetV2; default: all of keras.applications."
)
_DEPTHS = flags.DEFINE_list("depths", ["18", "50"], "latency, train: ResNets.")
_SIZE = flags.DEFINE_integer(
    "size",
    None,
    "Frame size in pixels; default: 224 for latency, 112 for train.",
    lower_bound=1,
)
_RUNTIMES = flags.DEFINE_list(
    "runtimes", ["litert", "tensorflow"], "latency: litert, tensorflow."
)
_THREADS = flags.DEFINE_list("threads", ["1", "2"], "latency: numbers of threads.")
_FORMS = flags.DEFINE_list("forms", ["step", "clip"], "latency: step, clip.")
_GROUP_SIZES = flags.DEFINE_list(
    "group_sizes", ["32", "64"], "latency: channels that share a decision."
)
_HIDDEN_UNITS = flags.DEFINE_integer(
    "hidden_units", 256, "latency: width of the policies."
)
_MECHANISM = flags.DEFINE_enum(
    "mechanism",
    "auto",
    ["auto", "grouped", "consumer"],
    "latency: how gates save; auto: the cost model chooses per gate.",
)
_MODEL_DIR = flags.DEFINE_string(
    "model_dir", None, "latency: a trained run to time instead, as it decides."
)
_MODEL_PATH = flags.DEFINE_string(
    "model_path",
    None,
    "cameras: a .tflite; default: saved_models/camera_moves.tflite.",
)
_CAMERAS = flags.DEFINE_list(
    "cameras", ["1", "2", "4", "8"], "cameras: numbers of cameras."
)
_SECONDS = flags.DEFINE_float(
    "seconds", 2.0, "cameras: length of a measurement.", lower_bound=0.0
)
_MOVINET = flags.DEFINE_bool("movinet", True, "latency: time MoViNet-A0, too.")


def _data():
    from adafuse_tf.benchmarks import input_pipeline

    return input_pipeline.run(
        _WORK_DIR.value,
        _OUTPUT_DIR.value,
        manifest=_MANIFEST.value,
        rounds=_ROUNDS.value or 5,
        soak_minutes=_SOAK_MINUTES.value,
    )


def _latency():
    from adafuse_tf.benchmarks import latency

    settings = latency.LatencySettings(
        depths=tuple(_DEPTHS.value),
        size=_SIZE.value or 224,
        group_sizes=tuple(_GROUP_SIZES.value),
        hidden_units=_HIDDEN_UNITS.value,
        runtimes=tuple(_RUNTIMES.value),
        threads=tuple(_THREADS.value),
        forms=tuple(_FORMS.value),
        mechanism=_MECHANISM.value,
        repeats=_ROUNDS.value or 24,
        with_movinet=_MOVINET.value,
        model_dir=_MODEL_DIR.value,
    )
    return latency.run(_OUTPUT_DIR.value, settings)


def _train():
    from adafuse_tf.benchmarks import training_step

    settings = training_step.TrainingSettings(
        depths=tuple(_DEPTHS.value),
        size=_SIZE.value or 112,
        repeats=_ROUNDS.value or 12,
    )
    return training_step.run(_OUTPUT_DIR.value, settings)


def _cameras():
    from adafuse_tf.benchmarks import cameras

    settings = cameras.CamerasSettings(
        model_path=_MODEL_PATH.value or cameras.DEFAULT_MODEL,
        cameras=tuple(_CAMERAS.value),
        seconds=_SECONDS.value,
        repeats=_ROUNDS.value or 12,
    )
    return cameras.run(_OUTPUT_DIR.value, settings)


def _networks():
    from adafuse_tf.benchmarks import networks

    settings = networks.NetworksSettings(names=tuple(_NAMES.value))
    return networks.run(_OUTPUT_DIR.value, settings)


_BENCHMARKS = {
    "data": _data,
    "latency": _latency,
    "train": _train,
    "cameras": _cameras,
    "networks": _networks,
}
# What counts for each, besides --output_dir and --rounds.
_IN_RUNTIMES = {"runtimes", "threads"}
_NETWORKS = {"depths", "size"}
_GATED = {"forms", "group_sizes", "hidden_units", "mechanism", "movinet"}
_COUNTS = {
    "data": {"work_dir", "manifest", "soak_minutes"},
    "latency": _IN_RUNTIMES | _NETWORKS | _GATED,
    "latency --model_dir": _IN_RUNTIMES | {"model_dir"},
    "train": _NETWORKS,
    "cameras": {"model_path", "cameras", "seconds"},
    "networks": {"names"},
}


def _check_flags(benchmark):
    if benchmark == "latency" and _MODEL_DIR.value:
        benchmark += " --model_dir"
    for name in sorted(set().union(*_COUNTS.values()) - _COUNTS[benchmark]):
        if flags.FLAGS[name].present:
            raise app.UsageError(f"--{name} does not count for {benchmark!r}.")


@cli.script
def main(words):
    if len(words) != 1 or words[0] not in _BENCHMARKS:
        raise app.UsageError(
            f"Say which benchmark: {', '.join(_BENCHMARKS)}. Received: {words}"
        )
    _check_flags(words[0])
    print(_BENCHMARKS[words[0]]())


if __name__ == "__main__":
    main()
