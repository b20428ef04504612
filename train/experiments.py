r"""Trains the runs of a study with several seeds and compares them.

    python train/demo.py  # makes the records of the camera moves
    python train/experiments.py --study methods --work_dir runs/methods \
        --params_override task.data_dir=runs/demo/records
    python train/experiments.py --study budgets --experiment fir_action \
        --work_dir runs/thermal_30 --params_override trainer.epochs=30

`--study` names a file in `configs/experiments`, or is a path. The same command goes
on with a study that was cut off. Writes `<study>.md`, `.json`, `.png` to
`--output_dir`; with `--experiment`, on other data than the study's own,
`<study>_<experiment>.md` and so on.
"""

import os

from absl import flags

os.environ.setdefault("ADAFUSE_TF_LAZY", "1")  # `--help` does without TensorFlow

from adafuse_tf import cli

_STUDY = flags.DEFINE_string("study", None, "What to compare.")
_WORK_DIR = flags.DEFINE_string("work_dir", None, "Folder for the runs.")
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", "docs/experiments", "Folder for the comparison."
)
_EXPERIMENT = flags.DEFINE_string(
    "experiment", None, "What the runs start from, instead of the study's own."
)
_PARAMS_OVERRIDE = flags.DEFINE_multi_string(
    "params_override", [], "Settings for all runs, as train.py takes them."
)
flags.mark_flags_as_required(["study", "work_dir"])


@cli.script
def main():
    from adafuse_tf.experiments import run_study

    print(
        run_study(
            _STUDY.value,
            _WORK_DIR.value,
            _OUTPUT_DIR.value,
            _PARAMS_OVERRIDE.value,
            _EXPERIMENT.value,
        )
    )


if __name__ == "__main__":
    main()
