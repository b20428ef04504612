r"""Measures a trained model on records that its training never saw.

    python train/evaluate.py --model_dir runs/mine \
        --input_path "records/validation-*.tfrecord"

Labels are matched by name. With `--num_clips` and `--num_crops` the probabilities of
several views of each video are averaged. Writes the metrics to `--output` and prints
them as JSON.
"""

import os

from absl import flags

os.environ.setdefault("ADAFUSE_TF_LAZY", "1")  # `--help` does without TensorFlow

from adafuse_tf import cli

_MODEL_DIR = flags.DEFINE_string("model_dir", None, "Folder of a run of train.py.")
_INPUT_PATH = flags.DEFINE_string(
    "input_path", None, "Record file, folder (all *.tfrecord in it) or glob pattern."
)
_CHECKPOINT = flags.DEFINE_enum(
    "checkpoint", "last", ["last", "best"], "Which weights of the run."
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Views at a time.", lower_bound=1)
_NUM_CLIPS = flags.DEFINE_integer(
    "num_clips",
    None,
    "Clips per video to average over; default: as in the run's validation.",
    lower_bound=1,
)
_NUM_CROPS = flags.DEFINE_enum(
    "num_crops",
    None,
    ["1", "3", "10"],
    "Crops per clip to average over; default: as in the run's validation.",
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "File to write; default: <model_dir>/evaluation/metrics.json."
)
flags.mark_flags_as_required(["model_dir", "input_path"])


@cli.script
def main():
    from adafuse_tf import files
    from adafuse_tf.training import EVALUATION, evaluate_records

    metrics = evaluate_records(
        _MODEL_DIR.value,
        _INPUT_PATH.value,
        _CHECKPOINT.value,
        _BATCH_SIZE.value,
        _NUM_CLIPS.value,
        _NUM_CROPS.value and int(_NUM_CROPS.value),
    )
    output = _OUTPUT.value or files.join(_MODEL_DIR.value, EVALUATION)
    cli.write_json(output, metrics)
    cli.print_json(metrics)


if __name__ == "__main__":
    main()
