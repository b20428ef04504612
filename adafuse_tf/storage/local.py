"""Files of this machine."""

import glob as std_glob
import os
from pathlib import Path
from typing import IO, Any


def open_file(path: str, mode: str) -> IO[Any]:
    """Opens a file; writing makes the folders above it."""
    if mode[0] in "wax":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    return open(path, mode, encoding=None if "b" in mode else "utf-8")


def exists(path: str) -> bool:
    """Whether there is a file or folder."""
    return os.path.exists(path)


def is_dir(path: str) -> bool:
    """Whether there is a folder."""
    return os.path.isdir(path)


def make_dirs(path: str) -> None:
    """Makes a folder and those above it."""
    os.makedirs(path, exist_ok=True)


def glob(pattern: str) -> list[str]:
    """What matches a pattern."""
    return std_glob.glob(pattern)


def list_dir(path: str) -> list[str]:
    """Names in a folder."""
    return os.listdir(path)


def replace(source: str, target: str) -> None:
    """Renames a file, at once, over an earlier one."""
    os.replace(source, target)


def remove(path: str) -> None:
    """Deletes a file, if it is there."""
    Path(path).unlink(missing_ok=True)


def check_records(path: str) -> None:
    """TensorFlow reads local files."""
