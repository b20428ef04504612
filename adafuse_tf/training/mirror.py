"""The folder of a run in a bucket, by way of a local one.

Weights are HDF5 files, which can only be written to a disk.
"""

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path

from adafuse_tf import files

# The files of an epoch go before those that say there was one. A resumed run drops
# rows of the metrics after its state, but cannot make up for missing ones.
_LAST = ("metrics.jsonl", "state.h5")
# A resumed run adds to these and reads none.
_NOT_FETCHED = "tensorboard/"


class Mirror:
    """A local folder that stands for a remote one.

    Args:
        remote: URL of the folder; it need not exist.

    Attributes:
        local: the local folder, which goes when the object does.
    """

    def __init__(self, remote: str):
        self.remote = remote
        self.local = Path(tempfile.mkdtemp(prefix="adafuse-run-"))
        weakref.finalize(self, shutil.rmtree, self.local, ignore_errors=True)
        self._in_step: dict[str, tuple] = {}

    def fetch(self, names: Iterable[str] | None = None) -> None:
        """Copies remote files to the local folder.

        Args:
            names: those to copy if they are there; `None` for all that a run goes on
                with.
        """
        if names is None:
            names = self._remote_names()
        else:
            names = [n for n in names if files.exists(files.join(self.remote, n))]
        names = [name for name in names if name not in self._in_step]
        for name in names:
            files.copy(files.join(self.remote, name), self.local / name)
        found = self._local_state()
        self._in_step.update({name: found[name] for name in names})

    def push(self) -> None:
        """Copies what has changed in the local folder to the remote one."""
        found = self._local_state()
        changed = [n for n, state in found.items() if state != self._in_step.get(n)]
        for name in sorted(changed, key=_turn):
            files.copy_whole(self.local / name, files.join(self.remote, name))
        for name in self._in_step.keys() - found.keys():
            files.remove(files.join(self.remote, name))
        self._in_step = found

    def _remote_names(self) -> list[str]:
        if not files.is_dir(self.remote):
            return []
        start = len(files.join(self.remote, ""))
        names = [path[start:] for path in files.walk_files(self.remote)]
        names = [name for name in names if not name.endswith(files.PART)]
        return [name for name in names if not name.startswith(_NOT_FETCHED)]

    def _local_state(self) -> dict[str, tuple]:
        """What the remote folder should hold, with the age and size of it."""
        state: dict[str, tuple] = {}
        for path in files.walk_files(self.local):
            name = os.path.relpath(path, self.local).replace(os.sep, "/")
            status = os.stat(path)
            state[name] = (status.st_mtime_ns, status.st_size)
        return state


def _turn(name: str) -> int:
    return _LAST.index(name) + 1 if name in _LAST else 0
