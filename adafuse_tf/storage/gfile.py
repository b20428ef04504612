"""Files in buckets, through TensorFlow's file systems and those of tensorflow-io."""

import contextlib
import io
from collections.abc import Iterator
from typing import IO, Any

from adafuse_tf.storage import file_systems
from adafuse_tf.storage.python_errors import python_errors


def open_file(path: str, mode: str) -> IO[Any]:
    """Opens a file. It is read whole at once, and written when it is closed."""
    with _gfile(path) as gfile:
        if mode[0] == "r":
            # No operation: a multi-worker run reads before it may start any.
            with gfile.GFile(path, "rb") as file:
                binary = io.BytesIO(file.read())
        else:
            binary = io.BufferedWriter(_Writer(gfile.GFile(path, mode[0] + "b"), path))
    return binary if "b" in mode else io.TextIOWrapper(binary, encoding="utf-8")


def exists(path: str) -> bool:
    """Whether there is a file or folder."""
    with _gfile(path) as gfile:
        return gfile.exists(path)


def is_dir(path: str) -> bool:
    """Whether there is a folder, or objects whose names begin like one."""
    with _gfile(path) as gfile:
        return gfile.isdir(path)


def make_dirs(path: str) -> None:
    """Makes a folder and those above it."""
    with _gfile(path) as gfile:
        gfile.makedirs(path)


def glob(pattern: str) -> list[str]:
    """What matches a pattern."""
    with _gfile(pattern) as gfile:
        return gfile.glob(pattern)


def list_dir(path: str) -> list[str]:
    """Names in a folder; none where it is missing: buckets have no empty folders."""
    with contextlib.suppress(FileNotFoundError), _gfile(path) as gfile:
        return [name.rstrip("/") for name in gfile.listdir(path)]
    return []


def replace(source: str, target: str) -> None:
    """Renames a file, over an earlier one."""
    with _gfile(source) as gfile:
        if gfile.stat(source).length:
            gfile.rename(source, target, overwrite=True)
            return
    # The S3 client takes an empty file for a folder.
    open_file(target, "wb").close()
    remove(source)


def remove(path: str) -> None:
    """Deletes a file, if it is there."""
    with contextlib.suppress(FileNotFoundError), _gfile(path) as gfile:
        gfile.remove(path)


def check_records(path: str) -> None:
    """Raises unless TensorFlow has a file system for `path`."""
    file_systems.require(path)


@contextlib.contextmanager
def _gfile(path: str) -> Iterator[Any]:
    """TensorFlow's file functions, with Python's errors."""
    file_systems.require(path)
    import tensorflow as tf

    with python_errors(path):
        yield tf.io.gfile


class _Writer(io.RawIOBase):
    """The part of a file object that `io.BufferedWriter` needs."""

    def __init__(self, file, path: str):
        super().__init__()
        self._file, self._path = file, path
        self.write(b"")  # else the S3 client leaves out an empty file

    def writable(self) -> bool:
        return True

    def write(self, content) -> int:
        with _gfile(self._path):
            self._file.write(bytes(content))
        return len(content)

    def close(self) -> None:
        if not self.closed:
            super().close()
            with _gfile(self._path):
                self._file.close()
