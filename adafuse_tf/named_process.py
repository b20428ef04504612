"""What a process that runs beside others is given before anything is imported.

Imports nothing heavy: TensorFlow and BLAS read the environment when they are loaded.
"""

import os
import sys


def prepare_process(name: str, threads: int, gpu: str | None) -> None:
    """Limits this process to its share of the machine and names what it says.

    Args:
        name: what each line on the screen begins with.
        threads: how many to compute with, unless the user has said so.
        gpu: the only one it may use, as `CUDA_VISIBLE_DEVICES` calls it.
    """
    for variable in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(variable, str(threads))
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    sys.stdout = _Named(sys.stdout, name)
    sys.stderr = _Named(sys.stderr, name)


class _Named:
    """A stream whose lines begin with a name."""

    def __init__(self, stream, name: str):
        self._stream = stream
        self._prefix = f"{name:8}"
        self._at_start = True

    def write(self, text: str) -> int:
        for line in text.splitlines(keepends=True):
            self._stream.write(f"{self._prefix}{line}" if self._at_start else line)
            self._at_start = line.endswith("\n")
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return False
