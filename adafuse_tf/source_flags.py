"""Flags of the scripts that read a data set: which, where, in what format.

A script makes them its own with `flags.adopt_module_key_flags(source_flags)`. Does
without TensorFlow, see `cli`.
"""

from collections.abc import Iterable

from absl import app, flags

from adafuse_tf.data.sources import FORMATS, read_source

# Records of another tool, which prepare_data.py takes as they are.
RECORDS_FORMAT = "tfrecords"

flags.DEFINE_string(
    "format",
    "manifest",
    f"Layout of the data set: {', '.join(FORMATS)}; for prepare_data.py "
    f"{RECORDS_FORMAT} as well. See docs/data.md.",
)
flags.DEFINE_string("annotations", None, "File or folder with the labels.")
flags.DEFINE_string(
    "manifest", None, "Short for --annotations: a CSV file, path,label,split."
)
flags.DEFINE_string(
    "video_root", None, "Folder of the videos; default: the usual places."
)
flags.DEFINE_integer("fold", 1, "Which of several train and test lists.", lower_bound=1)
flags.DEFINE_string(
    "frame_pattern", None, "File names of frames, numbered from 1: %05d.jpg."
)
flags.DEFINE_integer(
    "workers", None, "Videos at a time; default: one per processor.", lower_bound=1
)
flags.DEFINE_integer("max_bad", 0, "Bad videos to put up with.", lower_bound=0)


def reject(names: Iterable[str], reason: str) -> None:
    """Raises a `app.UsageError` with the reason for the first flag that was given."""
    for name in names:
        if flags.FLAGS[name].present:
            raise app.UsageError(f"--{name}: {reason}")


def annotations() -> str:
    """Returns `--annotations`, or `--manifest` in its place.

    Raises:
        app.UsageError: Neither or both are there, or `--manifest` of another format.
    """
    values = flags.FLAGS
    if (values.annotations is None) == (values.manifest is None):
        raise app.UsageError("Give one of --annotations and --manifest.")
    if values.manifest is not None and values.format != "manifest":
        raise app.UsageError(
            f"--manifest is for the format manifest; use --annotations. Received: "
            f"--format={values.format}"
        )
    return values.annotations or values.manifest


def read_items(strict: bool = True):
    """Reads the items that the flags name, see `data.sources.read_source`."""
    values = flags.FLAGS
    return read_source(
        values.format,
        annotations(),
        video_root=values.video_root,
        fold=values.fold,
        frame_pattern=values.frame_pattern,
        strict=strict,
    )
