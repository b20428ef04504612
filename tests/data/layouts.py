"""Tiny data sets in the layouts that data sets are published in."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np

from adafuse_tf.data import read_video
from tests.data.videos import gradient_frames, write_manifest, write_video

_LABELS = {
    "something_v1": ["Pushing something from left to right", "Tearing something"],
    "something_v2": ["Pushing something from left to right", "Tearing something"],
    "jester": ["Swiping Left", "Thumb Up"],
    "kinetics": ["tai chi", "arm wrestling"],
}
_TEMPLATES = ["Pushing [something] from left to right", "Tearing [something]"]
# Split, class and number of frames of the videos of every data set.
_VIDEOS = [("train", 0, 5), ("train", 1, 6), ("validation", 1, 7)]


@dataclasses.dataclass
class Clip:
    """A video to be put somewhere."""

    split: str
    label: str
    frames: np.ndarray
    file: Path | None = None
    name: str = ""


def frames_of(num_frames):
    """The frames of the made-up video of that length: bright to dark if it is odd."""
    frames = gradient_frames(num_frames)
    return frames[::-1] if num_frames % 2 else frames


def write_layout(format, folder, real_videos=()):
    """Writes three videos, two of the training and one of the validation split.

    `real_videos` are files to take instead of made-up videos. Returns annotations,
    video_root and a list of (name, label, split, num_frames) in the order of the
    source.
    """
    labels = _LABELS.get(format, ["walk", "Run"])
    clips = [Clip(s, labels[k], frames_of(n)) for s, k, n in _VIDEOS]
    for clip, file in zip(clips, real_videos, strict=False):
        clip.frames, clip.file = read_video(file), file
    annotations, video_root = _WRITERS[format](Path(folder), clips)
    expected = [(c.name, c.label, c.split, len(c.frames)) for c in clips]
    return str(annotations), str(video_root), expected


def _manifest(folder, clips):
    for k, clip in enumerate(clips):
        clip.name = f"{clip.label}/{k}.mp4"
        _write_video(folder / clip.name, clip)
    rows = [(c.name, c.label, c.split) for c in clips]
    return write_manifest(folder / "manifest.csv", rows), folder


def _folders(folder, clips):
    for k, clip in enumerate(clips):
        clip.name = f"{clip.split}/{clip.label}/video {k}.mp4"
        _write_video(folder / clip.name, clip)
    clips.sort(key=lambda clip: clip.name)
    return folder, folder


def _frame_lists(folder, clips):
    lists = folder / "lists"
    categories = sorted({clip.label for clip in clips})
    _write_lines(lists / "category.txt", categories)
    for split, separator in (("train", " "), ("validation", ";")):
        lines = []
        for k, clip in enumerate(clips):
            if clip.split == split:
                clip.name = f"clip {k}"
                _write_frames(folder / "frames" / clip.name, clip)
                number = categories.index(clip.label)
                fields = (clip.name, len(clip.frames), number)
                lines.append(separator.join(map(str, fields)))
        _write_lines(lists / f"{split[:5]}_videofolder.txt", lines)
    return lists, folder / "frames"


def _something_v1(folder, clips):
    return _csv_lists(folder, clips, "something-something-v1")


def _jester(folder, clips):
    return _csv_lists(folder, clips, "jester-v1")


def _csv_lists(folder, clips, prefix):
    lists, root = folder / "annotations", folder / f"20bn-{prefix}"
    for k, clip in enumerate(clips):
        clip.name = str(100 + k)
        _write_frames(root / clip.name, clip)
    _write_lines(lists / f"{prefix}-labels.csv", sorted({c.label for c in clips}))
    for split in ("train", "validation"):
        lines = [f"{c.name};{c.label}" for c in clips if c.split == split]
        _write_lines(lists / f"{prefix}-{split}.csv", lines)
    _write_lines(lists / f"{prefix}-test.csv", ["999"])
    return lists, root


def _something_v2(folder, clips):
    prefix = "something-something-v2"
    lists, root = folder / "labels", folder / f"20bn-{prefix}"
    lists.mkdir(parents=True)
    labels = _LABELS["something_v2"]
    entries = {"train": [], "validation": [], "test": [{"id": "999"}]}
    for k, clip in enumerate(clips):
        clip.name = str(100 + k)
        _write_video(root / f"{clip.name}.webm", clip, "libvpx")
        entries[clip.split].append(
            {
                "id": clip.name,
                "label": clip.label.replace("something", "a cup").lower(),
                "template": _TEMPLATES[labels.index(clip.label)],
                "placeholders": ["a cup"],
            }
        )
    for split, members in entries.items():
        (lists / f"{prefix}-{split}.json").write_text(json.dumps(members))
    indices = {label: str(k) for k, label in enumerate(labels)}
    (lists / f"{prefix}-labels.json").write_text(json.dumps(indices))
    return lists, root


def _kinetics(folder, clips):
    columns = ("label", "youtube_id", "time_start", "time_end", "split")
    for split, file in (("train", "train"), ("validation", "validate")):
        rows = []
        for k, clip in enumerate(clips):
            if clip.split == split:
                clip.name = f"-_aBc{k}_000007_000017"
                _write_video(folder / "videos" / clip.label / f"{clip.name}.mp4", clip)
                rows.append((clip.label, f"-_aBc{k}", 7, 17, file))
        write_manifest(folder / f"{file}.csv", rows, columns)
    write_manifest(folder / "test.csv", [("zzz", 0, 10, "test")], columns[1:])
    return folder, folder / "videos"


def _ucf101(folder, clips):
    lists, root = folder / "ucfTrainTestlist", folder / "UCF-101"
    classes = sorted({clip.label for clip in clips})
    for k, clip in enumerate(clips):
        clip.name = f"{clip.label}/v_{clip.label}_g0{k}_c01.avi"
        _write_video(root / clip.name, clip, "mpeg4")
    _write_lines(
        lists / "classInd.txt", [f"{k + 1} {c}" for k, c in enumerate(classes)]
    )
    train = [
        f"{c.name} {classes.index(c.label) + 1}" for c in clips if c.split == "train"
    ]
    _write_lines(lists / "trainlist01.txt", train)
    _write_lines(
        lists / "testlist01.txt", [c.name for c in clips if c.split == "validation"]
    )
    return lists, root


def _hmdb51(folder, clips):
    lists, root = folder / "testTrainMulti_7030_splits", folder / "hmdb51_org"
    for k, clip in enumerate(clips):
        clip.name = f"{clip.label}/take {k}!.avi"
        _write_video(root / clip.name, clip, "mpeg4")
    clips.sort(key=lambda clip: clip.label)
    for label in {clip.label for clip in clips}:
        members = [c for c in clips if c.label == label]
        lines = [
            f"{c.name.split('/')[1]} {'1' if c.split == 'train' else '2'} "
            for c in members
        ]
        _write_lines(lists / f"{label}_test_split1.txt", [*lines, "unused.avi 0 "])
    return lists, root


_WRITERS = {
    "manifest": _manifest,
    "folders": _folders,
    "frame_lists": _frame_lists,
    "something_v1": _something_v1,
    "something_v2": _something_v2,
    "jester": _jester,
    "kinetics": _kinetics,
    "ucf101": _ucf101,
    "hmdb51": _hmdb51,
}


def _write_video(path, clip, codec="libx264"):
    if clip.file is None:
        write_video(path, clip.frames, codec)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(clip.file, path)


def _write_frames(folder, clip):
    from PIL import Image

    folder.mkdir(parents=True)
    for k, frame in enumerate(clip.frames):
        path = folder / f"{k + 1:05d}.jpg"
        Image.fromarray(frame).save(path, quality=95, subsampling=0)


def _write_lines(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
