"""Converts the videos of a manifest to TFRecords.

    python train/prepare_data.py --manifest videos.csv --output_dir records

`videos.csv` has the columns `path,label,split`. Ends with exit code 3 when more than
`--max_bad` videos could not be read; the readable ones have been converted then.
"""

import sys

from absl import app, flags

_MANIFEST = flags.DEFINE_string("manifest", None, "CSV file: path,label,split.")
_VIDEO_ROOT = flags.DEFINE_string(
    "video_root", None, "Folder of the videos; default: the manifest's, or its videos/."
)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder to write to.")
_NUM_SHARDS = flags.DEFINE_integer("num_shards", 4, "Files per split.", lower_bound=1)
_SHORT_SIDE = flags.DEFINE_integer(
    "short_side", None, "Resize the shorter side to so many pixels.", lower_bound=1
)
_JPEG_QUALITY = flags.DEFINE_integer(
    "jpeg_quality", 95, "Quality of the frames.", lower_bound=1, upper_bound=100
)
_WORKERS = flags.DEFINE_integer(
    "workers", None, "Videos at a time; default: one per processor.", lower_bound=1
)
_MAX_BAD = flags.DEFINE_integer(
    "max_bad", 0, "Unreadable videos to put up with.", lower_bound=0
)
flags.mark_flags_as_required(["manifest", "output_dir"])

_EXIT_BAD_VIDEOS = 3


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {argv[1:]}")
    from adafuse_tf import cli

    cli.quiet_tensorflow()
    with cli.one_line_errors():
        from adafuse_tf.data import convert, manifest

        items = manifest.read_manifest(_MANIFEST.value, _VIDEO_ROOT.value)
        result = convert.convert(
            items,
            _OUTPUT_DIR.value,
            num_shards=_NUM_SHARDS.value,
            short_side=_SHORT_SIDE.value,
            jpeg_quality=_JPEG_QUALITY.value,
            workers=_WORKERS.value,
            progress=True,
        )
    print(convert.summary(result, _OUTPUT_DIR.value))
    if len(result.bad) > _MAX_BAD.value:
        sys.exit(_EXIT_BAD_VIDEOS)


if __name__ == "__main__":
    app.run(main)
