"""What happens around the steps and epochs of a run."""

import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from adafuse_tf.layers.actions import ACTIONS
from adafuse_tf.training.checkpoints import save_weights
from adafuse_tf.training.policy_picture import policy_map
from adafuse_tf.training.whole_files import write_errors, write_text_whole

# Keras' name of a training metric -> ours; `train/` comes before it.
_TRAINING_METRICS = {
    "logits_loss": "cross_entropy",
    "gmacs_loss": "flops_loss",
    "logits_top1": "top1",
    "gmacs_per_clip": "gmacs",
}


class TrainingMetrics(keras.callbacks.Callback):
    """Turns an epoch's logs into ours for the callbacks that come after it.

    Keras' own logs come under `train/`; the learning rate, what was left out of the
    data and the duration are added.

    Args:
        damage: gives the counts of what was left out.
    """

    def __init__(self, damage: Callable[[], Mapping[str, int]]):
        super().__init__()
        self._damage = damage
        self._begin = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self._begin = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        """Rewrites `logs` in place."""
        own = {
            f"train/{_TRAINING_METRICS.get(name, name)}": float(value)
            for name, value in logs.items()
        }
        logs.clear()
        logs.update(own)
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        logs.update({f"train/{key}": v for key, v in self._damage().items()})
        logs["seconds"] = time.monotonic() - self._begin


class MeasuredMetrics(keras.callbacks.Callback):
    """Adds each measure's results to an epoch's logs, and how long that took.

    Args:
        measures: name -> function without arguments that returns metrics.
    """

    def __init__(self, measures: Mapping[str, Callable[[], Mapping[str, float]]]):
        super().__init__()
        self._measures = measures

    def on_epoch_end(self, epoch, logs=None):
        """Measures."""
        begin = time.monotonic()
        for name, measure in self._measures.items():
            logs.update({f"{name}/{key}": v for key, v in measure().items()})
        logs["seconds"] += time.monotonic() - begin


class SaveCheckpoints(keras.callbacks.Callback):
    """Writes `last` after every epoch and `best` after every new best one.

    Args:
        last, best: the files.
        monitor: the metric that decides, larger is better; of equals the first stays.
        best_so_far: the metric's value of the present `best`.
        begin_anew: the epoch, counted from 0, from which on earlier ones are no match.
    """

    def __init__(
        self,
        last: Path,
        best: Path,
        monitor: str,
        best_so_far: float,
        begin_anew: int,
    ):
        super().__init__()
        self._begin_anew = begin_anew
        self._last, self._best = last, best
        self._monitor = monitor
        self._best_so_far = best_so_far

    def on_epoch_end(self, epoch, logs=None):
        """Saves."""
        save_weights(self.model, self._last)
        if epoch == self._begin_anew:
            self._best_so_far = -math.inf
        if logs[self._monitor] > self._best_so_far:
            self._best_so_far = logs[self._monitor]
            save_weights(self.model, self._best)


class EpochLog(keras.callbacks.Callback):
    """Writes an epoch's metrics as a line of JSON, to TensorBoard and on the screen.

    Args:
        history: file of one JSON object per epoch; lines are added.
        tensorboard: folder of the event files.
        epochs: number of epochs, to be shown.
        policies: gives shares `[T, C, 3]` of skip, reuse and keep by gate.
    """

    def __init__(
        self,
        history: Path,
        tensorboard: Path,
        epochs: int,
        policies: Callable[[], Mapping[str, np.ndarray]],
    ):
        super().__init__()
        self._policies = policies
        self._history = history
        self._tensorboard = tensorboard
        self._epochs = epochs
        self._writer = None

    def on_epoch_end(self, epoch, logs=None):
        """Writes."""
        row = {"epoch": epoch + 1, **logs}
        with (
            write_errors(self._history),
            self._history.open("a", encoding="utf-8") as file,
        ):
            file.write(json.dumps(row) + "\n")
        with write_errors(self._tensorboard):
            self._show(epoch + 1, logs)
        print(epoch_line(row, self._epochs), file=sys.stderr, flush=True)

    def _show(self, epoch: int, logs: Mapping[str, float]) -> None:
        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self._tensorboard))
        with self._writer.as_default(step=epoch):
            for name, value in logs.items():
                tf.summary.scalar(name, value)
            for gate, shares in self._policies().items():
                for action, name in enumerate(ACTIONS):
                    channels = shares[..., action].mean(axis=0)
                    tf.summary.histogram(f"{gate}/{name}", channels)
                tf.summary.image(f"{gate}/policy", policy_map(shares)[None])
        self._writer.flush()


def epoch_line(row: Mapping[str, float], epochs: int) -> str:
    """An epoch on one line."""
    line = (
        f"epoch {row['epoch']}/{epochs}"
        f"  loss {row['train/loss']:.4f}"
        f"  validation top-1 {row['validation/top1']:.1%}"
        f"  {row['validation/gmacs']:.4g} GMACs"
    )
    if "validation/keep" in row:
        shares = [f"{row[f'validation/{a}']:.0%}" for a in ("keep", "reuse", "skip")]
        line += f"  keep/reuse/skip {'/'.join(shares)}"
    return f"{line}  {row['seconds']:.1f} s"


def read_history(path: Path, epochs: int | None = None) -> list[dict]:
    """The epochs of a `metrics.jsonl`, at most the first `epochs`."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.endswith("\n")]
    return [row for row in rows if epochs is None or row["epoch"] <= epochs]


def cut_history(path: Path, epochs: int) -> list[dict]:
    """Drops the epochs after the first `epochs`, which a resumed run will repeat.

    Raises:
        WriteError: it cannot be written; the former file is still there.
    """
    rows = read_history(path, epochs)
    write_text_whole(path, "".join(json.dumps(row) + "\n" for row in rows))
    return rows
