"""What an epoch's weights achieve, and where that is noted."""

import math
import threading
from collections.abc import Callable

import keras

from adafuse_tf.training import callbacks
from adafuse_tf.training.config import ExperimentConfig
from adafuse_tf.training.datasets import Datasets
from adafuse_tf.training.evaluation import Evaluator
from adafuse_tf.training.model_dir import ModelDir, learned_policies
from adafuse_tf.training.resume import unless_asked
from adafuse_tf.training.run_state import RunState


def build_measuring(
    config: ExperimentConfig,
    model: keras.Model,
    datasets: Datasets,
    folder: ModelDir,
    state: RunState,
    asked: threading.Event,
) -> Callable[[int, dict], None]:
    """Builds what `SaveState` does with an epoch that has been trained.

    Args:
        config, model, datasets, folder: of the run.
        state: what the run goes on from.
        asked: set when this process should end.

    Returns:
        A function of an epoch's number and its logs, which it adds to: it measures,
        saves the checkpoints and notes the metrics, or raises `Asked` before that.
    """
    rows = callbacks.cut_history(folder.history, state.epoch)
    measures = _Measures(model, datasets, asked)
    warmup = config.trainer.dense_warmup_epochs if learned_policies(model) else 0
    since = warmup if state.epoch > warmup else 0
    best = max(
        (row["validation/top1"] for row in rows if row["epoch"] > since),
        default=-math.inf,
    )
    in_turn = [
        callbacks.MeasuredMetrics(measures.by_name()),
        callbacks.SaveCheckpoints(
            folder.checkpoint("last"),
            folder.checkpoint("best"),
            "validation/top1",
            best,
            # The dense network of before saves nothing, however good it is.
            begin_anew=warmup,
        ),
        # Last, as a row says that all of this is done.
        callbacks.EpochLog(
            folder.history,
            folder.tensorboard,
            config.trainer.epochs,
            measures.policies,
        ),
    ]
    for callback in in_turn:
        callback.set_model(model)

    def measure(epoch, logs):
        for callback in in_turn:
            callback.on_epoch_end(epoch, logs)

    return measure


class _Measures:
    """What is measured after each epoch, unless the process should end."""

    def __init__(self, model, datasets, asked):
        self._evaluator = Evaluator(model)
        self._datasets = datasets
        self._sample = datasets.train_sample()
        self._validation = datasets.validation()
        self._asked = asked
        self._tally = None

    def by_name(self) -> dict:
        return {
            "train_argmax": self._measure_sample,
            "validation": self._validate,
        }

    def policies(self) -> dict:
        """Those of the last validation."""
        return self._tally.policy_per_channel()

    def _measure_sample(self) -> dict:
        batches = unless_asked(self._sample, self._asked)
        return _epoch_metrics(self._evaluator.tally(batches))

    def _validate(self) -> dict:
        batches = unless_asked(self._validation, self._asked)
        views = len(self._datasets.views)
        self._tally = self._evaluator.tally(batches, num_views=views)
        damage = self._datasets.validation_damage.counts()
        return {**_epoch_metrics(self._tally), **damage}


def _epoch_metrics(tally) -> dict[str, float]:
    metrics = {"loss": tally.loss, "top1": tally.top1, "gmacs": tally.gmacs}
    return {**metrics, **(tally.policy() or {})}
