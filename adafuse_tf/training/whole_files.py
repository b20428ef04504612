"""Files that are there whole or not at all."""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from adafuse_tf.training.errors import WriteError


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a name to write to; the file gets its own name when it is complete.

    Whatever ends the process meanwhile leaves the former file.

    Raises:
        WriteError: it cannot be written; the former file is still there.
    """
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=".saving-"))
        try:
            yield folder / path.name
            with (folder / path.name).open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(folder / path.name, path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def write_text_whole(path: Path, text: str) -> None:
    """Writes a UTF-8 file; one that already holds this text only gets a new time.

    Raises:
        WriteError: it cannot be written; the former file is still there.
    """
    content = text.encode()
    if path.is_file() and path.read_bytes() == content:
        with write_errors(path):
            os.utime(path)
        return
    with written_whole(path) as new:
        new.write_bytes(content)


@contextlib.contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Raises WriteError, which names the file, where it cannot be written."""
    try:
        yield
    # h5py closes a file that it could not write to with a RuntimeError.
    except (OSError, RuntimeError, tf.errors.OpError) as error:
        raise WriteError(
            f"Cannot write {path}: {_cause(error)}. What was complete before is still "
            "there; the same command goes on from it"
        ) from None


def _cause(error: Exception) -> str:
    """What the system said, in one line; HDF5 tells it among much else."""
    text = getattr(error, "strerror", None) or str(error)
    within = re.search(r"error message = '([^']+)'", text)
    return within[1] if within else " ".join(text.split())


def remove_leftovers(folder: Path) -> None:
    """Removes what processes that were killed while writing have left."""
    for path in folder.glob("**/.saving-*"):
        shutil.rmtree(path, ignore_errors=True)
