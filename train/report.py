"""Writes a page about a trained run, to be opened in any browser.

    python train/report.py --model_dir runs/mine
    python train/report.py --model_dir runs/mine --input_path "records/test-*.tfrecord"

Accuracy and cost, what is taken for what, the policies block by block and frame by
frame, the most and the least expensive videos. All is in one file, `report.html` in the
folder of the run unless `--output` says otherwise. By default the videos are those of
the run's validation; where they have gone, what needs them is left out.
"""

import os

from absl import flags

os.environ.setdefault("ADAFUSE_TF_LAZY", "1")  # `--help` does without TensorFlow

from adafuse_tf import cli

_MODEL_DIR = flags.DEFINE_string("model_dir", None, "Folder of a run of train.py.")
_INPUT_PATH = flags.DEFINE_string(
    "input_path",
    None,
    "Record file, folder (all *.tfrecord in it) or glob pattern; default: the run's "
    "validation split.",
)
_CHECKPOINT = flags.DEFINE_enum(
    "checkpoint", "last", ["last", "best"], "Which weights of the run."
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Clips at a time.", lower_bound=1)
_OUTPUT = flags.DEFINE_string(
    "output", None, "File to write; default: <model_dir>/report.html."
)
flags.mark_flag_as_required("model_dir")


@cli.script
def main():
    from adafuse_tf.report import write_report

    report = write_report(
        _MODEL_DIR.value,
        _INPUT_PATH.value,
        _CHECKPOINT.value,
        _OUTPUT.value,
        _BATCH_SIZE.value,
    )
    print(report)


if __name__ == "__main__":
    main()
