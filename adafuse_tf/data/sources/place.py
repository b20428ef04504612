"""Where a data set lies, and how its readers look things up there."""

import csv
import dataclasses
import fnmatch
import io
import re
from collections.abc import Callable, Iterable, Sequence

from adafuse_tf import files
from adafuse_tf.data.item import Item


@dataclasses.dataclass(frozen=True)
class Place:
    """What the reader of a format is told.

    Attributes:
        annotations: File or folder, or several files with commas between them.
        video_root: Folder that the paths of the videos are relative to.
        fold: Which of several train and test lists, from 1.
        frame_pattern: `printf` pattern of frames, where the format leaves it open.
        strict: Whether a label that the data set does not know is an error.
    """

    annotations: str
    video_root: str | None = None
    fold: int = 1
    frame_pattern: str | None = None
    strict: bool = True

    @property
    def folder(self) -> str:
        """The folder that the annotations are or lie in."""
        first = self._paths()[0]
        return files.parent(first) if files.is_file(first) else first

    def find(self, *names: str) -> str:
        """Returns the path of the first annotation file of these names.

        Raises:
            FileNotFoundError: There is none.
        """
        paths = [files.join(self.folder, name) for name in names]
        for path in paths:
            if files.is_file(path):
                return path
        raise FileNotFoundError(
            f"The annotation file {' or '.join(names)} is missing, looked in "
            f"{self.folder!r}. Received: annotations={self.annotations!r}"
        )

    def match(self, pattern: str) -> list[str]:
        """Returns the annotation files given, or in the folder given, that match.

        Raises:
            FileNotFoundError: A file or the folder does not exist.
        """
        paths = self._paths()
        if len(paths) == 1 and files.is_dir(paths[0]):
            names = files.list_dir(paths[0])
            paths = [files.join(paths[0], name) for name in names]
        for path in paths:
            if not files.exists(path):
                raise FileNotFoundError(
                    "There are no annotations at that path. Received: "
                    f"annotations={path!r}"
                )
        return [p for p in paths if fnmatch.fnmatch(re.split(r"[/\\]", p)[-1], pattern)]

    def roots(self, *names: str) -> list[str]:
        """Returns the folders that videos may lie in, the likeliest first.

        Args:
            *names: What the folder of the videos is called as published.
        """
        if self.video_root is not None:
            return [self.video_root]
        above = files.parent(self.folder)
        return [
            *(files.join(self.folder, name) for name in names),
            self.folder,
            *(files.join(above, name) for name in names),
        ]

    def _paths(self) -> list[str]:
        whole = self.annotations
        return [whole] if files.exists(whole) else whole.split(",")


def settle(items: Sequence[Item], roots: Sequence[str], source: str) -> list[Item]:
    """Puts the paths of items below the first root where any of them exists.

    Raises:
        FileNotFoundError: None of them exists anywhere.
    """
    layouts = [lambda item, root=root: under(root, item.path) for root in roots]
    layout = first_layout(items, layouts)
    if items and layout is None:
        raise nothing_found(items, roots, source)
    return [dataclasses.replace(item, path=layout(item)) for item in items]


def first_layout(
    items: Iterable[Item], layouts: Sequence[Callable[[Item], str]]
) -> Callable[[Item], str] | None:
    """Returns the first function from item to path that leads to a video."""
    for item in items:
        for layout in layouts:
            if _exists(layout(item), item.frame_pattern):
                return layout
    return None


def under(root: str, path: str) -> str:
    """Joins, unless the path stands for itself."""
    return path if files.is_remote(path) else files.join(root, path)


def nothing_found(items, roots, source: str) -> FileNotFoundError:
    """The error for a data set without a single video."""
    return FileNotFoundError(
        f"None of the {len(items)} videos of {source} exists, looked in {list(roots)}; "
        "pass the folder that the paths are relative to as `video_root`. Received: "
        f"first path={items[0].path!r}"
    )


def read_lines(path: str) -> list[tuple[int, str]]:
    """Returns line numbers and lines of a text file, without blank ones.

    Raises:
        ValueError: The file is not UTF-8.
    """
    lines = read_text(path).splitlines()
    return [(k + 1, line.strip()) for k, line in enumerate(lines) if line.strip()]


def read_text(path: str) -> str:
    """Returns the text of a UTF-8 file, without a byte order mark.

    Raises:
        ValueError: The file is not UTF-8.
    """
    try:
        # Spreadsheets put a mark in front of the first column.
        return files.read_text(path).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text file in UTF-8: {error}") from error


def read_rows(path: str) -> tuple[list[str], list[tuple[int, dict]]]:
    """Returns the columns of a CSV file, and line number and values of each row.

    Raises:
        ValueError: The file is not UTF-8 or not CSV.
    """
    # Strict: a quote that nothing closes would swallow the rows after it.
    text = io.StringIO(read_text(path), newline="")
    reader = csv.DictReader(text, strict=True)
    try:
        columns = list(reader.fieldnames or ())
        return columns, [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise ValueError(
            f"{path}, after line {reader.line_num}: not CSV, is there a stray quote? "
            f"({error})"
        ) from error


def malformed(path: str, line: int, expected: str, text: str) -> ValueError:
    """The error for a line that does not have the form it should."""
    return ValueError(f"{path}, line {line}: expected {expected}. Received: {text!r}")


def unknown_label(path: str, line: int, label: str, known_from: str) -> ValueError:
    """The error for a label that the data set's own list of classes lacks."""
    return ValueError(
        f"{path}, line {line}: {known_from} has no such label. Received: "
        f"label={label!r}"
    )


def _exists(path: str, frame_pattern: str | None) -> bool:
    if frame_pattern is None:
        return files.is_file(path)
    # Not every file system has folders.
    return files.is_dir(path) or files.is_file(files.join(path, frame_pattern % 1))
