"""Going on where a run was cut off, and leaving a place to go on from."""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from adafuse_tf.data import Position
from adafuse_tf.training.run_state import RunState

EXIT_TERMINATED = 128 + signal.SIGTERM


class Resume(keras.callbacks.Callback):
    """Puts the model and the data where the run was; must be the first callback.

    Args:
        state: what was saved, if anything.
        position: where training batches begin; follows the epochs.
    """

    def __init__(self, state: RunState, position: Position):
        super().__init__()
        self._state, self._position = state, position
        self._to_restore = state.exists
        self._to_add = state.step > 0

    def on_train_begin(self, logs=None):
        """Restores the state of the end of an epoch."""
        if not self._to_add:
            self._restore()

    def on_epoch_begin(self, epoch, logs=None):
        """Sets the place in the data, which Keras is about to read."""
        if epoch != self._position.epoch:
            self._position.epoch, self._position.clips = epoch, 0

    def on_train_batch_begin(self, batch, logs=None):
        """Restores a state within an epoch, after what others do at its beginning."""
        self._restore()

    def on_train_batch_end(self, batch, logs=None):
        """Adds what the metrics were before."""
        if self._to_add:
            self._state.add_metrics(self.model)
            self._to_add = False

    def _restore(self) -> None:
        if self._to_restore:
            self._state.restore(self.model)
            self._to_restore = False


class Asked(Exception):
    """The process should end, and there is something to leave undone."""


class SaveState(keras.callbacks.Callback):
    """Saves the state after every epoch, now and then within one, and on SIGTERM.

    After SIGTERM the process ends after the present step, with exit code 143. Of
    several processes all end after the same step if one has got the signal.

    An epoch is saved before it is measured, which may take longer than a process is
    given after SIGTERM; measuring what is missing then comes first when a run goes on.

    Args:
        state: where to.
        asked: set when the process should end; see `terminations`.
        steps_per_epoch: steps of a whole epoch.
        every_steps: how often within an epoch; `None` for never.
        within_epochs: whether a run can go on within an epoch.
        write: whether this process writes.
        after: called when there is something new to keep.
        measure: measures and notes an epoch, from its number and its logs; raises
            `Asked` where the process should end first. `None` only without `write`.
    """

    def __init__(
        self,
        state: RunState,
        asked: threading.Event,
        steps_per_epoch: int,
        every_steps: int | None,
        within_epochs: bool,
        write: bool,
        after: Callable[[], None],
        measure: Callable[[int, dict], None] | None,
    ):
        super().__init__()
        self._state = state
        self._steps_per_epoch = steps_per_epoch
        self._every_steps = every_steps
        self._within_epochs = within_epochs
        self._write, self._after, self._measure = write, after, measure
        self._behind = (state.epoch, state.step)
        self._epoch = state.epoch
        self._asked = asked

    def on_train_begin(self, logs=None):
        """Measures the epoch that was only trained when the run was cut off."""
        logs, self._state.unmeasured = self._state.unmeasured, None
        if logs is not None:
            self._measure_and_leave(self._state.epoch - 1, logs)

    def on_epoch_begin(self, epoch, logs=None):
        """Notes the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Saves if it is time, and ends the process if it was asked to."""
        before = self._behind[1] if self._epoch == self._behind[0] else 0
        step = before + batch + 1
        if step >= self._steps_per_epoch:
            return  # the end of the epoch comes first
        leave = self._all_leave()
        now = self._every_steps is not None and step % self._every_steps == 0
        if self._within_epochs and (leave or now):
            self._save(self._epoch, step)
        if leave:
            self._leave()

    def on_epoch_end(self, epoch, logs=None):
        """Saves, has it measured, and ends the process if it was asked to."""
        self._save(epoch + 1, 0, logs)
        if self._all_leave():
            self._leave()
        self._measure_and_leave(epoch, logs)

    def _save(self, epoch: int, step: int, logs: dict | None = None) -> None:
        self._state.save(self.model, epoch, step, self._write, logs)
        if self._write:
            self._after()

    def _measure_and_leave(self, epoch: int, logs: dict) -> None:
        if self._write:
            # The others wait in `_all_leave`, so this one must get there, too.
            with contextlib.suppress(Asked):
                self._measure(epoch, logs)
                self._after()
        if self._all_leave():
            self._leave()

    def _all_leave(self) -> bool:
        strategy = self.model.distribute_strategy
        asked = self._asked.is_set()
        if not _several_processes(strategy):
            return asked
        each = strategy.experimental_distribute_values_from_function(
            lambda _: tf.constant(float(asked))
        )
        return bool(np.array(strategy.reduce("SUM", each, axis=None)) > 0)

    def _leave(self) -> None:
        if self._write:
            epoch, step = self._state.epoch, self._state.step
            where = f"in epoch {epoch + 1} after step {step}"
            print(
                f"Terminated {where if step else f'after epoch {epoch}'}; "
                "the same command goes on from there.",
                file=sys.stderr,
                flush=True,
            )
        raise SystemExit(EXIT_TERMINATED)


def unless_asked(batches: Iterable, asked: threading.Event) -> Iterator:
    """The batches, until the process should end: then it raises `Asked`."""
    for batch in batches:
        if asked.is_set():
            raise Asked
        yield batch


@contextlib.contextmanager
def terminations() -> Iterator[threading.Event]:
    """Gives an event that SIGTERM sets, instead of ending the process at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # Python has no signals elsewhere
        return
    former = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, former)


def _several_processes(strategy: tf.distribute.Strategy) -> bool:
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
