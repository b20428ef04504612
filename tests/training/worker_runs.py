"""A run of a tiny network in a process of its own; test_survival.py starts it.

    python -m tests.training.worker_runs RECORDS MODEL_DIR CHANGES [SIGNAL STEP]

With TF_CONFIG it is one of several workers; with PLAIN_STRATEGY as well these use
TensorFlow's own strategy. With EVALUATE it writes what Keras' own methods make of the
trained model into MODEL_DIR. With a signal it sends that to itself after so many steps.
"""

import json
import os
import sys

import keras
import numpy as np
import tensorflow as tf

from adafuse_tf import cli
from adafuse_tf.training import (
    Experiment,
    experiment,
    model_dir,
    run_experiment,
    runtime,
)
from adafuse_tf.training.datasets import Datasets
from tests.training.conftest import SETTINGS, build_tiny

CHANGES = {
    "trainer.epochs": "2",
    "trainer.save_every_steps": "2",
    "trainer.optimizer.learning_rate": "0.1",
    "task.flops_loss.start": "0",
}


class SendSignal(keras.callbacks.Callback):
    """Sends a signal to this process."""

    def __init__(self, number, step):
        super().__init__()
        self._number, self._steps_left = number, step

    def on_train_batch_end(self, batch, logs=None):
        self._steps_left -= 1
        if not self._steps_left:
            os.kill(os.getpid(), self._number)


def evaluated(train, name):
    """`Experiment.train` that writes what the model is then worth by Keras' methods."""

    def train_and_evaluate(run):
        model = train(run)
        clips = run.datasets.validation()
        found = {
            "evaluate": model.evaluate(clips, return_dict=True, verbose=0),
            **model.predict(clips.map(lambda clip, _: clip), verbose=0),
        }
        arrays = keras.tree.map_structure(lambda v: np.asarray(v).tolist(), found)
        (run.folder.path / f"{name}.json").write_text(cli.to_json(arrays))
        return model

    return train_and_evaluate


def main(records, folder, changes, number=None, step=None):
    values = {**SETTINGS, **CHANGES, **json.loads(changes), "task.data_dir": records}
    if "TF_CONFIG" in os.environ:
        values["runtime.distribution_strategy"] = "multi_worker_mirrored"
    if "PLAIN_STRATEGY" in os.environ:
        plain = tf.distribute.MultiWorkerMirroredStrategy
        runtime.MultiWorkerMirroredStrategy = plain
    experiment.build_model = model_dir.build_model = build_tiny
    if "EVALUATE" in os.environ:
        task = json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {"index": 0})
        name = f"evaluated_{task['index']}"
        Experiment.train = evaluated(Experiment.train, name)
    # Building a pipeline takes seconds.
    Datasets.train_sample = Datasets.validation
    if number:
        build = experiment.build_callbacks
        send = SendSignal(int(number), int(step))
        experiment.build_callbacks = lambda *args: [*build(*args), send]
    with cli.one_line_errors():
        overrides = [f"{k}={v}" for k, v in values.items()]
        cli.print_json(run_experiment("train_and_eval", folder, overrides=overrides))


if __name__ == "__main__":
    main(*sys.argv[1:])
