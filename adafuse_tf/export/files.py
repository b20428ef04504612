"""Writes whole files and folders: under a temporary name first, then renamed."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Gives a path to write to; what is there at the end appears at `path`.

    A program that watches the place, such as a model server, never sees a part.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=".exporting-"))
    try:
        yield folder / path.name
        os.replace(folder / path.name, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def next_version(folder: Path) -> Path:
    """The first free number in a folder of versions, as model servers count them."""
    taken = [int(p.name) for p in folder.glob("*") if p.name.isdigit()]
    return folder / str(max(taken, default=0) + 1)
