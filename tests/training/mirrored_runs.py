"""Trains on one and on two logical processors; run by test_mirrored.py.

A process of its own: logical devices must be set before TensorFlow starts.
"""

import json
import math
import signal
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from adafuse_tf import data
from adafuse_tf.optimizers import LossScaleOptimizer
from adafuse_tf.training import Experiment, callbacks, experiment, model_dir
from adafuse_tf.training.config import RuntimeConfig
from adafuse_tf.training.non_finite import StopOnNonFiniteLoss
from adafuse_tf.training.run_state import RunState
from adafuse_tf.training.runtime import build_strategy
from tests.training.conftest import build_tiny, in_memory, settings, write_records
from tests.training.worker_runs import SendSignal


def overflow_on_one():
    """Two steps in float16, of which gradients overflow in the first, on one device."""
    strategy = build_strategy(RuntimeConfig(distribution_strategy="mirrored"))
    with strategy.scope():
        dense = keras.layers.Dense(1, kernel_initializer="ones", dtype="mixed_float16")
        model = keras.Sequential([keras.Input((3,)), dense])
        model.compile(LossScaleOptimizer(keras.optimizers.SGD(0.01)), loss="mse")
    clips, labels = np.ones([16, 3], "float32"), np.full([16, 1], 2.5, "float32")
    labels[5] = 300.0  # of the second device: 32768 times its gradient is too much
    model.fit(clips, labels, batch_size=8, shuffle=False, verbose=0)
    scale = strategy.experimental_local_results(model.optimizer.dynamic_scale.value)
    return {
        "kernel": model.get_weights()[0].ravel().tolist(),
        "scales": [float(value) for value in scale],
        "steps": int(model.optimizer.iterations.numpy()),
    }


def gone_back(records, folder, strategy):
    """The weights and steps of a run that goes back from its third step."""
    look = StopOnNonFiniteLoss.on_train_batch_end

    def spoil(self, batch, logs=None):
        bad = self._epoch == 1 and batch == 0
        look(self, batch, {"loss": math.nan} if bad else logs)

    config = settings(
        records, runtime__distribution_strategy=strategy, trainer__max_bad_steps="1"
    )
    StopOnNonFiniteLoss.on_train_batch_end = spoil
    try:
        model = Experiment(config, folder).train()
    finally:
        StopOnNonFiniteLoss.on_train_batch_end = look
    return model.get_weights(), int(model.optimizer.iterations.numpy())


def gone_on(config, folder, step):
    """The weights of a run that is told to leave after a step; and where it left."""
    build = experiment.build_callbacks
    send = SendSignal(signal.SIGTERM, step)
    experiment.build_callbacks = lambda *args: [send, *build(*args)]
    try:
        Experiment(config, folder).train()
    except SystemExit as left:
        code = left.code
    finally:
        experiment.build_callbacks = build
    state = RunState(folder / "state.h5")
    weights = Experiment(config, folder).train().get_weights()
    return weights, {"code": code, "epoch": state.epoch, "step": state.step}


def largest_difference(weights, others):
    """The most by which a value of one model's weights differs from another's."""
    pairs = zip(weights, others, strict=True)
    return float(max(np.abs(a - b).max() for a, b in pairs))


def main(folder):
    cpu = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
    experiment.build_model = model_dir.build_model = build_tiny
    data.clips = in_memory(data.clips)  # the same batches
    records = write_records(folder / "records", {"train": 4, "validation": 1})
    weights, replicas, rows = {}, {}, {}
    for strategy in ("one_device", "mirrored"):
        # The clipping acts in every step. Gates have noise, a BatchNorm and the FLOPs
        # loss.
        config = settings(
            records,
            runtime__distribution_strategy=strategy,
            task__flops_loss__start="0",
            trainer__optimizer__clip_norm="0.1",
            trainer__optimizer__weight_decay="0.01",
            trainer__optimizer__bias_learning_rate_multiplier="2",
        )
        model = Experiment(config, folder / strategy).train()
        weights[strategy] = model.get_weights()
        replicas[strategy] = model.distribute_strategy.num_replicas_in_sync
        rows[strategy] = callbacks.read_history(folder / strategy / "metrics.jsonl")
    # Within the second epoch, and both leave.
    weights_gone_on, left = gone_on(config, folder / "left", step=3)
    config = settings(
        records,
        runtime__distribution_strategy="mirrored",
        trainer__gumbel__noise_end="0.25",
        trainer__dense_warmup="0.5",
        trainer__keep_lead_after_warmup="0",
    )
    gated = Experiment(config, folder / "gated").train()
    back = [
        gone_back(records, folder / f"back_{strategy}", strategy)
        for strategy in ("one_device", "mirrored")
    ]
    noise = gated.gates["gate"].policy.noise_scale.value
    return {
        "overflow": overflow_on_one(),
        "replicas": replicas,
        "compared": rows,
        "difference": largest_difference(*weights.values()),
        "left": left,
        "difference_gone_on": largest_difference(weights["mirrored"], weights_gone_on),
        "steps_with_one_undone": [steps for _, steps in back],
        "difference_with_one_undone": largest_difference(
            *(weights for weights, _ in back)
        ),
        "noise": [float(v) for v in noise.values],
        "rows": callbacks.read_history(folder / "gated" / "metrics.jsonl"),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
