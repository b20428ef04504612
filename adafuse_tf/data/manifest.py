"""The manifest: a CSV file that says which video shows what, and in which split."""

import csv
import dataclasses
from collections.abc import Iterable
from pathlib import Path

TRAIN_SPLIT = "train"
_COLUMNS = ("path", "label", "split")


@dataclasses.dataclass(frozen=True)
class Item:
    """One row of a manifest.

    Attributes:
        path: Where the video file is expected.
        name: The path exactly as the manifest writes it.
        label: Name of the class.
        split: Name of the split, for example `"train"`.
        extra: The values of all further columns, by column name.
    """

    path: Path
    name: str
    label: str
    split: str
    extra: dict[str, str] = dataclasses.field(default_factory=dict)


def read_manifest(path: str | Path, video_root: str | Path | None = None) -> list[Item]:
    """Reads a manifest with the columns `path`, `label`, `split` and any others.

    A relative video path is looked up under `video_root`. Without `video_root` it is
    looked up in the manifest's folder, then in the folder `videos` beside the
    manifest.

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
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no manifest file at that path. Received: path={str(path)!r}"
        )
    if video_root is not None and not Path(video_root).is_dir():
        raise FileNotFoundError(
            f"`video_root` must be a folder. Received: video_root={str(video_root)!r}"
        )
    roots = _video_roots(path, video_root)
    # utf-8-sig: spreadsheets put a byte order mark in front of the first column.
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [c for c in _COLUMNS if c not in (reader.fieldnames or ())]
        if reader.fieldnames and missing:
            raise ValueError(
                f"The manifest {path} lacks the columns {missing}; it needs "
                f"{list(_COLUMNS)}. Received: columns={list(reader.fieldnames)}"
            )
        items = _read_rows(reader, path, roots)
    if not items:
        raise ValueError(
            f"The manifest {path} is empty; write one line per video below the header "
            f"`{','.join(_COLUMNS)}`."
        )
    _check_labels(items, path)
    if not any(item.path.is_file() for item in items):
        raise FileNotFoundError(
            f"None of the {len(items)} videos of {path} exists, looked in "
            f"{[str(root) for root in roots]}; pass the folder that the paths are "
            f"relative to as `video_root`. Received: first path={items[0].name!r}"
        )
    return items


def training_labels(items: Iterable[Item]) -> list[str]:
    """Returns the sorted label names of the training split: the class order.

    Raises:
        ValueError: There are no items in the split `"train"`.
    """
    items = list(items)
    labels = sorted({item.label for item in items if item.split == TRAIN_SPLIT})
    if not labels:
        raise ValueError(
            f"There is no item in the split {TRAIN_SPLIT!r}, which defines the "
            f"classes. Received: splits={sorted({item.split for item in items})}"
        )
    return labels


def _video_roots(manifest: Path, video_root: str | Path | None) -> list[Path]:
    if video_root is not None:
        return [Path(video_root)]
    return [manifest.parent, manifest.parent / "videos"]


def _read_rows(reader: csv.DictReader, path: Path, roots: list[Path]) -> list[Item]:
    items: list[Item] = []
    seen: dict[str, int] = {}
    for row in reader:
        line = reader.line_num
        values = {k: (v or "").strip() for k, v in row.items() if isinstance(k, str)}
        for column in _COLUMNS:
            if not values[column]:
                raise ValueError(f"{path}, line {line}: the {column} is empty.")
        name = values["path"]
        if name in seen:
            raise ValueError(
                f"{path}, line {line}: {name!r} is already on line {seen[name]}; "
                "list every video once."
            )
        seen[name] = line
        # An absolute name replaces the root when joined, which is what we want.
        candidates = [root / name for root in roots]
        found = next((c for c in candidates if c.is_file()), candidates[0])
        extra = {k: v for k, v in values.items() if k not in _COLUMNS}
        items.append(Item(found, name, values["label"], values["split"], extra))
    return items


def _check_labels(items: list[Item], path: Path) -> None:
    known = set(training_labels(items))
    for item in items:
        if item.label not in known:
            raise ValueError(
                f"{path}: the split {item.split!r} has the label {item.label!r}, which "
                f"the split {TRAIN_SPLIT!r} lacks. Received: path={item.name!r}"
            )
