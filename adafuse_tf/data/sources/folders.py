"""Videos sorted into folders: `<root>/<split>/<class>/<video>`."""

from adafuse_tf import files
from adafuse_tf.data.item import TEST_SPLIT, TRAIN_SPLIT, VALIDATION_SPLIT, Item
from adafuse_tf.data.sources.place import Place

_SPLITS = {
    "train": TRAIN_SPLIT,
    "val": VALIDATION_SPLIT,
    "validation": VALIDATION_SPLIT,
    "test": TEST_SPLIT,
}


def read_folders(place: Place) -> list[Item]:
    """Takes every file, or every folder of frames if told their pattern."""
    root, pattern = place.annotations, place.frame_pattern
    if not files.is_dir(root):
        raise FileNotFoundError(
            f"There is no folder at that path. Received: annotations={root!r}"
        )
    splits = [name for name in _visible(root) if name in _SPLITS]
    if not splits:
        raise ValueError(
            "The videos must lie in `<split>/<class>/<video>`, with the splits train, "
            f"val or validation, and test. Received: annotations={root!r} with "
            f"{_visible(root)[:10]}"
        )
    items = []
    for split in splits:
        for label in _visible(files.join(root, split)):
            folder = files.join(root, split, label)
            if not files.is_dir(folder):
                raise ValueError(
                    f"{files.join(root, split)} must hold one folder per class. "
                    f"Received: a file {label!r}"
                )
            videos = _visible(folder)
            if videos and not pattern and files.is_dir(files.join(folder, videos[0])):
                raise ValueError(
                    f"{folder} must hold videos, but has a folder; if it holds "
                    "frames, pass the pattern of their names as `frame_pattern`. "
                    f"Received: {videos[0]!r}"
                )
            for video in videos:
                path, name = files.join(folder, video), f"{split}/{label}/{video}"
                items.append(
                    Item(path, name, label, _SPLITS[split], frame_pattern=pattern)
                )
    return items


def _visible(folder: str) -> list[str]:
    return [name for name in files.list_dir(folder) if not name.startswith(".")]
