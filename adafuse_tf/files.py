"""Files by path or URL: the one door to everything that may lie elsewhere.

Local paths need no TensorFlow. A path with a scheme, such as `s3://bucket/key`, goes
through TensorFlow's file systems (most need the extra `[io]`), `http://` and `https://`
through the standard library, to be read only.
"""

import contextlib
import os
import posixpath
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from adafuse_tf.storage import gfile, http, local
from adafuse_tf.storage.record_writer import RecordWriter

PathLike = str | os.PathLike

# What a file is called until it is complete.
PART = ".part"
# There a file appears when it is closed.
_OBJECT_STORES = ("s3", "gs", "az")


def is_remote(path: PathLike) -> bool:
    """Whether `path` has a scheme, such as `s3://`."""
    return "://" in str(path)


def can_list(path: PathLike) -> bool:
    """Whether the files of a folder can be found out: not on a web server."""
    return _storage(path) is not http


def join(folder: PathLike, *names: str) -> str:
    """Joins with `/` for URLs and as the system does for local paths."""
    if is_remote(folder):
        return posixpath.join(str(folder), *names)
    return os.path.join(str(folder), *names)


def parent(path: PathLike) -> str:
    """The folder that a file lies in."""
    return posixpath.dirname(str(path)) if is_remote(path) else str(Path(path).parent)


def open_file(path: PathLike, mode: str = "r") -> IO[Any]:
    """Opens a file; text is UTF-8. Writing makes the folders above a local file.

    A remote file is read whole when it is opened, and appears when it is closed.

    Raises:
        FileNotFoundError, PermissionError, OSError: in one line.
        MissingFileSystemError: there is no file system for the path's scheme.
    """
    return _storage(path).open_file(str(path), mode)


def read_text(path: PathLike) -> str:
    """The whole of a UTF-8 file."""
    with open_file(path) as file:
        return file.read()


def write_text(path: PathLike, text: str) -> None:
    """Writes a UTF-8 file."""
    with open_file(path, "w") as file:
        file.write(text)


def exists(path: PathLike) -> bool:
    """Whether there is a file or folder."""
    return _storage(path).exists(str(path))


def is_file(path: PathLike) -> bool:
    """Whether there is a file."""
    return exists(path) and not is_dir(path)


def is_dir(path: PathLike) -> bool:
    """Whether there is a folder.

    Of a URL of a web server only the name can tell: its last part has no dot, or it
    ends with `/`.
    """
    return _storage(path).is_dir(str(path))


def make_dirs(path: PathLike) -> None:
    """Makes a folder and those above it, unless they are there."""
    _storage(path).make_dirs(str(path))


def glob(pattern: PathLike) -> list[str]:
    """Files and folders that match, sorted; `*` does not cross a `/`."""
    return sorted(_storage(pattern).glob(str(pattern)))


def list_dir(path: PathLike) -> list[str]:
    """Names in a folder, sorted; none for a folder in a bucket that is not there."""
    return sorted(_storage(path).list_dir(str(path)))


def walk_files(folder: PathLike) -> Iterator[str]:
    """Paths of all files under a folder, sorted within each folder."""
    for name in list_dir(folder):
        path = join(folder, name)
        if is_dir(path):
            yield from walk_files(path)
        else:
            yield path


def replace(source: PathLike, target: PathLike) -> None:
    """Renames a file, over an earlier one; at once for local files."""
    _storage(source).replace(str(source), str(target))


def remove(path: PathLike) -> None:
    """Deletes a file, if it is there."""
    _storage(path).remove(str(path))


def copy(source: PathLike, target: PathLike) -> None:
    """Copies a file between any two places; folders above a local target are made."""
    with open_file(source, "rb") as reader, open_file(target, "wb") as writer:
        shutil.copyfileobj(reader, writer, 16 * 1024 * 1024)


def copy_whole(source: PathLike, target: PathLike) -> None:
    """Copies a file; if that is cut off, the former target is still there.

    Where a file can be seen half written, it ends with `PART` until it is complete.
    """
    if str(target).partition("://")[0] in _OBJECT_STORES:
        copy(source, target)
        return
    part = f"{target}{PART}"
    copy(source, part)
    replace(part, target)


@contextlib.contextmanager
def local_copy(path: PathLike) -> Iterator[str]:
    """Gives a local path for libraries that read no other; a copy if need be."""
    if not is_remote(path):
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="adafuse-") as folder:
        target = os.path.join(folder, posixpath.basename(str(path)))
        copy(path, target)
        yield target


def check_records(path: PathLike) -> None:
    """Raises unless TensorFlow itself can read record files at such a path.

    Raises:
        MissingFileSystemError: there is no file system for the path's scheme.
        OSError: the web server sends whole files only.
    """
    _storage(path).check_records(str(path))


def record_writer(path: PathLike) -> RecordWriter:
    """Opens a record file to write to, as `with record_writer(path) as writer`.

    Raises:
        PermissionError, OSError: now, while records are written, or at the end.
        MissingFileSystemError: there is no file system for the path's scheme.
    """
    check_records(path)
    return RecordWriter(str(path))


def _storage(path: PathLike) -> ModuleType:
    if not is_remote(path):
        return local
    return http if str(path).startswith(("http://", "https://")) else gfile
