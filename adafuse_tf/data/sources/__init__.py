"""Data sets in the layouts they are published in, read to items."""

from collections.abc import Callable

from adafuse_tf import files
from adafuse_tf.data.decoding.frame_folder import check_pattern
from adafuse_tf.data.item import Item
from adafuse_tf.data.sources.folders import read_folders
from adafuse_tf.data.sources.frame_lists import read_frame_lists
from adafuse_tf.data.sources.hmdb51 import read_hmdb51
from adafuse_tf.data.sources.kinetics import read_kinetics
from adafuse_tf.data.sources.manifest import read_table
from adafuse_tf.data.sources.place import Place
from adafuse_tf.data.sources.something import (
    read_jester,
    read_something_v1,
    read_something_v2,
)
from adafuse_tf.data.sources.ucf101 import read_ucf101
from adafuse_tf.data.sources.validation import require_sound

FORMATS: dict[str, Callable[[Place], list[Item]]] = {
    "manifest": read_table,
    "folders": read_folders,
    "frame_lists": read_frame_lists,
    "something_v1": read_something_v1,
    "something_v2": read_something_v2,
    "jester": read_jester,
    "kinetics": read_kinetics,
    "ucf101": read_ucf101,
    "hmdb51": read_hmdb51,
}
WITH_FOLDS = ("frame_lists", "hmdb51", "ucf101")
WITH_FRAMES = ("folders", "frame_lists", "jester", "something_v1", "something_v2")


def read_source(
    format: str,
    annotations: files.PathLike,
    *,
    video_root: files.PathLike | None = None,
    fold: int = 1,
    frame_pattern: str | None = None,
    strict: bool = True,
) -> list[Item]:
    """Reads the items of a data set.

    docs/data.md says for each format what files it expects. Labels are names. Videos
    without a label (the test splits of some data sets) are left out. A single missing
    video is no error here, the reader of the video reports it.

    Args:
        format: A key of `FORMATS`.
        annotations: File or folder with the labels.
        video_root: Folder that the paths of the videos are relative to; by default the
            usual places beside the annotations.
        fold: Which of several train and test lists, for the formats `WITH_FOLDS`.
        frame_pattern: `printf` pattern of the names of frames, numbered from 1, such
            as `"%05d.jpg"`, for the formats `WITH_FRAMES`.
        strict: Raise for problems between items (see `validation.problems`) and for
            labels that the data set's list of classes lacks. If not, what is
            readable is returned.

    Raises:
        ValueError: An argument does not fit the format, a file is not as it should be,
            or, if strict, there is a problem with the items.
        FileNotFoundError: An annotation file, the folder `video_root` or every single
            video is missing.
    """
    if format not in FORMATS:
        raise ValueError(
            f"There is no such format, choose one of {list(FORMATS)}. Received: "
            f"format={format!r}"
        )
    if fold != 1 and format not in WITH_FOLDS:
        raise ValueError(
            f"The format {format!r} has no folds, only {', '.join(WITH_FOLDS)} do. "
            f"Received: fold={fold}"
        )
    if frame_pattern is not None:
        check_pattern(frame_pattern)
        if format not in WITH_FRAMES:
            raise ValueError(
                f"The format {format!r} takes no `frame_pattern`, only "
                f"{', '.join(WITH_FRAMES)} do. Received: "
                f"frame_pattern={frame_pattern!r}"
            )
    root = None if video_root is None else str(video_root)
    if root and not files.is_remote(root) and not files.is_dir(root):
        raise FileNotFoundError(
            f"`video_root` must be a folder. Received: video_root={root!r}"
        )
    annotations = str(annotations)
    place = Place(annotations, root, fold, frame_pattern, strict)
    items = FORMATS[format](place)
    if strict:
        require_sound(items, annotations)
    return items


def read_manifest(
    path: files.PathLike, video_root: files.PathLike | None = None
) -> list[Item]:
    """Reads a manifest with the columns `path`, `label`, `split` and any others.

    A relative video path is looked up under `video_root`. Without `video_root` that is
    the manifest's folder, or the folder `videos` beside the manifest if the videos lie
    there. `path` is a folder of frames where the column `frame_pattern` is not empty.
    `num_frames` is checked against what is found, `name` stands for the video in
    messages and records (by default its path); further columns are kept as they are.

    Args:
        path: The CSV file, with a header line.
        video_root: Folder that the paths are relative to.

    Returns:
        The items in the order of the file. A single missing video is no error here,
        the reader of the video reports it.

    Raises:
        FileNotFoundError: The manifest, `video_root` or every single video is missing.
        ValueError: The manifest has no rows, lacks a column, has an empty or repeated
            value, or uses a label that the split `"train"` does not have.
    """
    return read_source("manifest", path, video_root=video_root)
