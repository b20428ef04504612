r"""Trains a classifier on records and measures it.

    python train/prepare_data.py --manifest videos.csv --output_dir records
    python train/train.py --experiment fir_action --model_dir runs/fir_action \
        --params_override "task.data_dir=records"

Settings come from the defaults, then `--experiment`, then `--config_file`s, then
`--params_override`s; the last one wins. Both flags may be given several times:

    python train/train.py --config_file mine.yaml --model_dir runs/mine \
        --params_override "trainer.epochs=10,task.train_data.batch_size=8" \
        --params_override "{task: {model: {overrides: {width: 0.5}}}}"

On all GPUs of this machine: `runtime.distribution_strategy=mirrored`; of several
machines: docs/training.md. The same command goes on with a run that was cut off.
`--mode eval` measures what is in `--model_dir`, with the settings of its own
params.yaml; `task.data_dir`, `task.source`, `task.max_bad`, `task.validation_data` and
`runtime` may be given anew. Metrics go to metrics.json and to the screen.
"""

import os

from absl import flags

os.environ.setdefault("ADAFUSE_TF_LAZY", "1")  # `--help` does without TensorFlow

from adafuse_tf import cli

_EXPERIMENT = flags.DEFINE_string(
    "experiment", None, "Name of a file in configs/, without .yaml, or a path."
)
_CONFIG_FILE = flags.DEFINE_multi_string(
    "config_file", [], "YAML file of settings, or configs/... of this package."
)
_PARAMS_OVERRIDE = flags.DEFINE_multi_string(
    "params_override", [], 'Settings: "a.b=1,c.d=x", or a YAML or JSON mapping.'
)
_MODE = flags.DEFINE_enum(
    "mode", "train_and_eval", ["train", "eval", "train_and_eval"], "What to do."
)
_MODEL_DIR = flags.DEFINE_string("model_dir", None, "Folder or URL of the run.")
flags.mark_flag_as_required("model_dir")


@cli.script
def main():
    from adafuse_tf.training import run_experiment

    metrics = run_experiment(
        _MODE.value,
        _MODEL_DIR.value,
        experiment=_EXPERIMENT.value,
        config_files=_CONFIG_FILE.value,
        overrides=_PARAMS_OVERRIDE.value,
    )
    if metrics is not None:
        cli.print_json(metrics)


if __name__ == "__main__":
    main()
