"""Decodes every video of a data set and says whether it is fit to train on.

    python train/check_data.py --manifest videos.csv --output_dir check
    python train/check_data.py --input_dir records --output_dir check

Takes the flags of prepare_data.py for the data set, or `--input_dir`, a folder of
records. Writes check.json, check.md and a contact sheet per split. Exit code 0 means
fit to train on; 3 means not: more than `--max_bad` are bad, the lists contradict each
other, or no video for training or none for validation can be read.
"""

import os

from absl import flags

os.environ.setdefault("ADAFUSE_TF_LAZY", "1")  # `--help` does without TensorFlow

from adafuse_tf import cli, source_flags

flags.adopt_module_key_flags(source_flags)
_INPUT_DIR = flags.DEFINE_string("input_dir", None, "Folder of records to check.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the report.")
_MIN_FRAMES = flags.DEFINE_integer(
    "min_frames", 1, "Shorter videos are bad.", lower_bound=1
)
flags.mark_flag_as_required("output_dir")

_EXIT_NOT_FIT = 3
_OF_VIDEOS = "format annotations manifest video_root fold frame_pattern workers".split()


@cli.script
def main():
    if _INPUT_DIR.value:
        source_flags.reject(_OF_VIDEOS, "not with --input_dir, which has records.")
    source = _INPUT_DIR.value or source_flags.annotations()

    from adafuse_tf import files
    from adafuse_tf.data.checking import check

    files.make_dirs(_OUTPUT_DIR.value)  # better fails now than at the end
    options = {
        "min_frames": _MIN_FRAMES.value,
        "max_bad": flags.FLAGS.max_bad,
        "progress": True,
    }
    if _INPUT_DIR.value:
        report = check.check_records(source, **options)
    else:
        items = source_flags.read_items(strict=False)
        workers = flags.FLAGS.workers
        report = check.check_items(items, workers=workers, **options)
    report.write(_OUTPUT_DIR.value, source)
    print(report.summary())
    print(f"Report: {_OUTPUT_DIR.value}/check.md")
    return 0 if report.fit else _EXIT_NOT_FIT


if __name__ == "__main__":
    main()
