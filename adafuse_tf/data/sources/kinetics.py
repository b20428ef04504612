"""Kinetics-400, -600 and -700, and Mini-Kinetics, with the published CSV files."""

import dataclasses

from adafuse_tf import files
from adafuse_tf.data.item import TEST_SPLIT, TRAIN_SPLIT, VALIDATION_SPLIT, Item
from adafuse_tf.data.sources.place import (
    Place,
    first_layout,
    nothing_found,
    read_lines,
    read_rows,
)

_SPLITS = {
    "train": TRAIN_SPLIT,
    "val": VALIDATION_SPLIT,
    "validate": VALIDATION_SPLIT,
    "validation": VALIDATION_SPLIT,
    "test": TEST_SPLIT,
}
_COLUMNS = ("youtube_id", "time_start", "time_end", "split")
# Folders and names that download scripts give to the clips.
_FOLDERS = ("{label}", "", "{split}/{label}", "{split}")
_NAMES = ("{clip}.mp4", "{id}.mp4")


def read_kinetics(place: Place) -> list[Item]:
    """Reads all CSV files; rows without a label are left out.

    Beside them there may be lists of video ids such as `train_ytid_list.txt` and
    `val_ytid_list.txt`: then only these videos are taken, with the split of the list.
    """
    tables = place.match("*.csv")
    if not tables:
        raise FileNotFoundError(
            f"There is no CSV file, looked in {place.folder!r}. Received: "
            f"annotations={place.annotations!r}"
        )
    listed = _listed_ids(place)
    items = []
    for table in tables:
        items += _read_table(table, listed)
    return _settle(items, place)


def _read_table(file: str, listed: dict[str, str] | None) -> list[Item]:
    columns, rows = read_rows(file)
    missing = [c for c in _COLUMNS if c not in columns]
    if missing:
        raise ValueError(
            f"{file} lacks the columns {missing}. Received: columns={columns}"
        )
    items = []
    for number, row in rows:
        video, label = row["youtube_id"], (row.get("label") or "").strip()
        if not label or (listed is not None and video not in listed):
            continue
        try:
            start, end = int(float(row["time_start"])), int(float(row["time_end"]))
            split = _SPLITS[row["split"]]
        except (KeyError, ValueError, TypeError):
            raise ValueError(
                f"{file}, line {number}: expected times in seconds and a "
                f"split out of {sorted(_SPLITS)}. Received: {list(row.values())}"
            ) from None
        name = f"{video}_{start:06d}_{end:06d}"
        split = split if listed is None else listed[video]
        items.append(Item(name, name, label, split, {"youtube_id": video}))
    return items


def _listed_ids(place: Place) -> dict[str, str] | None:
    listed = {}
    for file in place.match("*ytid_list.txt"):
        name = file.replace("\\", "/").split("/")[-1]
        split = next((s for word, s in _SPLITS.items() if name.startswith(word)), None)
        if split is None:
            raise ValueError(
                "The name of a list of video ids must begin with train, val or test. "
                f"Received: {file!r}"
            )
        listed.update({video: split for _, video in read_lines(file)})
    return listed or None


def _settle(items: list[Item], place: Place) -> list[Item]:
    """Finds out, for each split by itself, how the clips are called and laid out."""
    roots = place.roots("videos")
    layouts = {}
    for split in {item.split: None for item in items}:
        members = [item for item in items if item.split == split]
        words = [word for word, meaning in _SPLITS.items() if meaning == split]
        candidates = [
            _layout(root, files.join(folder, name) if folder else name, word)
            for root in roots
            for folder in _FOLDERS
            for word in (words if "{split}" in folder else words[:1])
            for name in _NAMES
        ]
        layouts[split] = first_layout(members, candidates)
    found = [layout for layout in layouts.values() if layout]
    if items and not found:
        raise nothing_found(items, roots, place.annotations)
    return [
        # All clips of a split may be missing: then it says so for each.
        dataclasses.replace(item, path=(layouts[item.split] or found[0])(item))
        for item in items
    ]


def _layout(root: str, template: str, split: str):
    def path(item: Item) -> str:
        video = item.extra["youtube_id"]
        return files.join(
            root,
            template.format(split=split, label=item.label, clip=item.name, id=video),
        )

    return path
