"""Runs whose loss or weights become NaN or infinite."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf import data
from adafuse_tf.training import Experiment, NonFiniteLossError, callbacks
from adafuse_tf.training.non_finite import StopOnNonFiniteLoss
from adafuse_tf.training.run_state import RunState
from tests.training.conftest import settings

pytestmark = pytest.mark.usefixtures("tiny_model", "clips_in_memory")


def test_lost_loss_ends_the_run(records_dir, tmp_path):
    config = settings(
        records_dir,
        trainer__optimizer__learning_rate="1e30",
        trainer__optimizer__clip_norm="null",
        trainer__epochs="4",
    )
    message = r"in epoch \d, step \d; lower .* checkpoint .*train/\d'.*'train/\d"
    with pytest.raises(NonFiniteLossError, match=message) as e:
        Experiment(config, tmp_path).train()
    assert str(e.value).count("'train/") == 4  # the clips of the batch


@pytest.mark.parametrize(
    ("lost", "named"), [("weight", "a/kernel"), ("velocity", "a_kernel_velocity")]
)
def test_lost_weights_end_the_run_though_the_loss_does_not_show_them(
    tmp_path, lost, named
):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="a")])
    model.compile(keras.optimizers.Adam())
    model.optimizer.build(model.trainable_variables)
    kernel = model.layers[0].kernel
    index = model.optimizer._get_variable_index(kernel)
    slot = model.optimizer._velocities[index]
    (kernel if lost == "weight" else slot).assign([[math.inf]])
    look = StopOnNonFiniteLoss(RunState(tmp_path / "state.h5"), lambda *_: [])
    look.set_model(model)
    look.on_epoch_begin(0)
    look.on_train_batch_end(18, {"loss": 0.5})  # not every step
    message = rf"Weights are not finite in epoch 1, step 20; .*Received: .*{named}, "
    with pytest.raises(NonFiniteLossError, match=message):
        look.on_train_batch_end(19, {"loss": 0.5})


def test_bad_steps_are_passed_over(records_dir, tmp_path, monkeypatch, capsys):
    clips = data.clips

    def with_a_bad_batch(*args, training, **options):
        dataset = clips(*args, training=training, **options)
        if not training or options.get("names_only"):
            return dataset
        bad = tf.constant([1.0, 1.0, 1e38, 1.0])
        factors = tf.data.Dataset.from_tensor_slices(bad)
        dataset = tf.data.Dataset.zip(dataset, factors)
        return dataset.map(lambda batch, factor: (batch[0] * factor, batch[1]))

    config = settings(
        records_dir,
        task__train_data__batch_size="2",
        trainer__save_every_steps="1",
        trainer__max_bad_steps="2",
    )
    monkeypatch.setattr(data, "clips", with_a_bad_batch)
    model = Experiment(config, tmp_path).train()
    assert all(np.isfinite(w).all() for w in model.get_weights())
    # Two steps count that are undone: the learning rate follows the data.
    assert int(model.optimizer.iterations) == 8
    rows = callbacks.read_history(tmp_path / "metrics.jsonl")
    assert all(math.isfinite(row["train/loss"]) for row in rows)
    said = capsys.readouterr().err
    assert "epoch 1, step 3; going back" in said
    assert "epoch 2, step 3; going back" in said


@pytest.mark.parametrize("place", ["on_train_batch_end", "on_epoch_end"])
def test_lost_weights_are_never_saved(
    records_dir, tmp_path, monkeypatch, capsys, place
):
    """Neither in the first step, before anything is, nor at the end of an epoch."""
    config = settings(
        records_dir, trainer__save_every_steps="1", trainer__max_bad_steps="1"
    )
    look, spoilt = getattr(StopOnNonFiniteLoss, place), []

    def spoil(self, number, logs=None):
        if not spoilt:
            weight = self.model.trainable_variables[0]
            weight.assign(np.full(weight.shape, math.nan, "float32"))
            spoilt.append(weight.path)
        look(self, number, logs)

    monkeypatch.setattr(StopOnNonFiniteLoss, place, spoil)
    model = Experiment(config, tmp_path).train()
    assert all(np.isfinite(w).all() for w in model.get_weights())
    said = capsys.readouterr().err
    assert said.count("Weights are not finite") == said.count("going back") == 1
    assert f"Received: {spoilt[0]}" in said
    start = "those of the start" if place == "on_train_batch_end" else "step 1 of the"
    assert start in said


@pytest.mark.parametrize("accumulated", ["1", "2"])
def test_going_back_behind_the_end_of_the_dense_warmup(
    records_dir, tmp_path, monkeypatch, accumulated
):
    config = settings(
        records_dir,
        trainer__dense_warmup="0.5",
        trainer__max_bad_steps="1",
        trainer__optimizer__gradient_accumulation_steps=accumulated,
        trainer__gumbel__noise_end="0.5",
    )
    look = StopOnNonFiniteLoss.on_train_batch_end

    def spoil(self, batch, logs=None):
        bad = self._epoch == 1 and batch == 1  # the last step
        look(self, batch, {"loss": math.nan} if bad else logs)

    monkeypatch.setattr(StopOnNonFiniteLoss, "on_train_batch_end", spoil)
    model = Experiment(config, tmp_path).train()
    policy = model.gates["gate"].policy
    bias = np.array(policy.output_dense.bias)
    assert 0 < bias.max() < 5  # leads by 2 as without the bad step, not by 20
    assert float(policy.noise_scale) == 0.5
    assert int(model.optimizer._iterations) == 4
