"""The manifest: a CSV file that says which video shows what, and in which split."""

import csv
import dataclasses
import os
import re
from collections.abc import Sequence

from adafuse_tf import files
from adafuse_tf.data.decoding.frame_folder import check_pattern
from adafuse_tf.data.item import Item
from adafuse_tf.data.sources.place import Place, read_rows, settle

_REQUIRED = ("path", "label", "split")
_OPTIONAL = ("name", "frame_pattern", "num_frames")
# Record files are called after it.
_SPLIT = re.compile(r"[\w .-]+")


def read_table(place: Place) -> list[Item]:
    """Reads a manifest without looking at the items as a whole."""
    path = place.annotations
    if not files.is_file(path):
        raise FileNotFoundError(
            f"There is no manifest file at that path. Received: path={path!r}"
        )
    columns, rows = read_rows(path)
    missing = [c for c in _REQUIRED if c not in columns]
    if columns and missing:
        raise ValueError(
            f"The manifest {path} lacks the columns {missing}; it needs "
            f"{list(_REQUIRED)}. Received: columns={columns}"
        )
    items = [_item(row, f"{path}, line {number}") for number, row in rows]
    if not items:
        raise ValueError(
            f"The manifest {path} is empty; write one line per video below the header "
            f"`{','.join(_REQUIRED)}`."
        )
    roots = [place.folder, files.join(place.folder, "videos")]
    if place.video_root is not None:
        roots = [place.video_root]
    return settle(items, roots, path)


def write_manifest(items: Sequence[Item], path: files.PathLike) -> None:
    """Writes a manifest that reads back as the same items.

    Args:
        items: Of any source; local paths are made absolute.
        path: The CSV file to write.
    """
    extra = list(dict.fromkeys(key for item in items for key in item.extra))
    rows = []
    for item in items:
        row = {k: v for k, v in dataclasses.asdict(item).items() if k != "extra"}
        if not files.is_remote(item.path):
            row["path"] = os.path.abspath(item.path)
        if row["name"] == row["path"]:
            row["name"] = None
        rows.append({**item.extra, **row})
    optional = [c for c in _OPTIONAL if any(row[c] is not None for row in rows)]
    with files.open_file(path, "w") as file:
        columns = [*_REQUIRED, *optional, *extra]
        writer = csv.DictWriter(
            file, columns, extrasaction="ignore", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)


def _item(row: dict, where: str) -> Item:
    values = {k: (v or "").strip() for k, v in row.items() if isinstance(k, str)}
    for column in _REQUIRED:
        if not values[column]:
            raise ValueError(f"{where}: the {column} is empty.")
    if any(row.get(None, ())):
        raise ValueError(
            f"{where}: there are more values than columns; a value with a comma needs "
            f"quotes. Received: {row[None]} past the last column"
        )
    path, label, split = (values.pop(column) for column in _REQUIRED)
    if not _SPLIT.fullmatch(split):
        raise ValueError(
            f"{where}: a split is called by letters and digits. Received: {split!r}"
        )
    name, pattern, count = (values.pop(column, "") or None for column in _OPTIONAL)
    if count is not None and not count.isdecimal():
        raise ValueError(f"{where}: the num_frames is no number. Received: {count!r}")
    try:
        pattern = None if pattern is None else check_pattern(pattern)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    num_frames = None if count is None else int(count)
    return Item(path, name or path, label, split, values, pattern, num_frames)
