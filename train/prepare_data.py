"""Converts the videos of a data set to TFRecords.

    python train/prepare_data.py --manifest videos.csv --output_dir records
    python train/prepare_data.py --format something_v2 --annotations labels \\
        --video_root videos --output_dir records

`videos.csv` has the columns `path,label,split`; docs/data.md has the other formats.
A conversion that was cut off goes on with the same command. Ends with exit code 3 when
more than `--max_bad` videos could not be read; the readable ones have been converted
then. `--format tfrecords` makes records with Model Garden's keys usable: it writes
their `dataset.json`.
"""

import os

from absl import flags

os.environ.setdefault("ADAFUSE_TF_LAZY", "1")  # `--help` does without TensorFlow

from adafuse_tf import cli, source_flags

flags.adopt_module_key_flags(source_flags)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder to write to.")
_NUM_SHARDS = flags.DEFINE_integer("num_shards", 4, "Files per split.", lower_bound=1)
_SHORT_SIDE = flags.DEFINE_integer(
    "short_side", None, "Resize the shorter side to so many pixels.", lower_bound=1
)
_JPEG_QUALITY = flags.DEFINE_integer(
    "jpeg_quality", 95, "Quality of the frames.", lower_bound=1, upper_bound=100
)
_FPS = flags.DEFINE_float("fps", None, "Keep so many frames per second.")
_MANIFEST_ONLY = flags.DEFINE_bool(
    "manifest_only", False, "Write manifest.csv of the data set, convert nothing."
)
_RUNNER = flags.DEFINE_string(
    "runner", None, "Convert with this runner of Apache Beam, such as DirectRunner."
)
_RUNNER_OPTION = flags.DEFINE_multi_string(
    "runner_option", [], "Option of Beam's pipeline, name=value; may come repeatedly."
)
flags.mark_flag_as_required("output_dir")

_EXIT_BAD_VIDEOS = 3
_OF_CONVERSION = "num_shards short_side jpeg_quality fps runner manifest_only".split()


@cli.script
def main():
    if flags.FLAGS.format == source_flags.RECORDS_FORMAT:
        source_flags.reject(_OF_CONVERSION, "records are taken as they are.")
    if _MANIFEST_ONLY.value:
        source_flags.reject(_OF_CONVERSION[:-1], "not with --manifest_only.")
    if _RUNNER.value:
        source_flags.reject(["workers"], "not with --runner, which has its own.")
    else:
        source_flags.reject(["runner_option"], "only with --runner.")
    return _prepare(source_flags.annotations(), _OUTPUT_DIR.value)


def _prepare(annotations, output_dir) -> int:
    from adafuse_tf import files
    from adafuse_tf.data.conversion import beam_convert, convert, index_records
    from adafuse_tf.data.sources import manifest

    if flags.FLAGS.format == source_flags.RECORDS_FORMAT:
        info = index_records.index_records(annotations, output_dir)
        print(index_records.summary(info, output_dir))
        return 0
    items = source_flags.read_items()
    if _MANIFEST_ONLY.value:
        path = files.join(output_dir, "manifest.csv")
        manifest.write_manifest(items, path)
        print(f"Wrote {len(items)} videos to {path}")
        return 0
    options = {
        "num_shards": _NUM_SHARDS.value,
        "short_side": _SHORT_SIDE.value,
        "jpeg_quality": _JPEG_QUALITY.value,
        "fps": _FPS.value,
        "progress": True,
    }
    if _RUNNER.value:
        options |= {"runner": _RUNNER.value, "runner_options": _RUNNER_OPTION.value}
        result = beam_convert.convert_with_beam(items, output_dir, **options)
    else:
        options["workers"] = flags.FLAGS.workers
        result = convert.convert(items, output_dir, **options)
    print(convert.summary(result, output_dir))
    return _EXIT_BAD_VIDEOS if len(result.bad) > flags.FLAGS.max_bad else 0


if __name__ == "__main__":
    main()
