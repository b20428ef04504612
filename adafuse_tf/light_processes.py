"""Processes that load of this package only what they use, so without TensorFlow."""

import multiprocessing
import os
import threading

from adafuse_tf import LAZY

# The environment is that of the whole process: threads start theirs one by one.
_STARTING = threading.Lock()


def light_context() -> multiprocessing.context.SpawnContext:
    """A context for spawned processes in which `import adafuse_tf` loads nothing.

    The environment says so to a process while it starts, whenever the pool starts it;
    other processes do not inherit that, neither of this process nor of the new one.
    """
    return _LightContext()


class _LightProcess(multiprocessing.context.SpawnProcess):
    def start(self):
        with _STARTING:
            self._before = os.environ.get(LAZY)
            os.environ[LAZY] = "1"
            try:
                super().start()
            finally:
                _restore(self._before)

    def run(self):
        # There: the package has been imported to get here.
        _restore(self._before)
        super().run()


class _LightContext(multiprocessing.context.SpawnContext):
    Process = _LightProcess


def _restore(value: str | None) -> None:
    if value is None:
        os.environ.pop(LAZY, None)
    else:
        os.environ[LAZY] = value
