"""Noise, cost weight and the dense warm-up over a run."""

import keras
import numpy as np
import pytest

from adafuse_tf.layers import KEEP, LearnedPolicy
from adafuse_tf.training.config import FlopsLossConfig, GumbelConfig, TrainerConfig
from adafuse_tf.training.schedules import (
    DenseWarmup,
    ScheduleByProgress,
    flops_weight,
    noise_scale,
)


def test_noise_goes_down_between_its_shares():
    config = GumbelConfig(
        noise_start=1.0, noise_end=0.2, decay_from=0.25, decay_until=0.75
    )
    found = [noise_scale(config)(p) for p in (0, 0.25, 0.5, 0.75, 1)]
    assert found == pytest.approx([1, 1, 0.6, 0.2, 0.2])


def test_flops_weight_waits_and_climbs():
    config = FlopsLossConfig(weight=2.0, start=0.5, warmup=0.25)
    found = [flops_weight(config)(p) for p in (0, 0.49, 0.5, 0.625, 0.75, 1)]
    assert found == pytest.approx([0, 0, 0, 1, 2, 2])


def test_flops_weight_without_a_start_is_whole_from_the_first_step():
    assert flops_weight(FlopsLossConfig(weight=2.0, start=0.0, warmup=0.0))(0.0) == 2.0


def test_by_default_the_dense_network_learns_first():
    warmup = TrainerConfig().dense_warmup
    assert flops_weight(FlopsLossConfig())(warmup - 1e-3) == 0
    assert noise_scale(GumbelConfig())(warmup) == 1.0
    assert noise_scale(GumbelConfig())(1.0) == 0.0


@pytest.mark.parametrize(
    ("share", "epochs", "expected"),
    [(0, 9, 0), (0.4, 50, 20), (0.4, 1, 0), (0.9, 3, 2)],
)
def test_dense_warmup_in_whole_epochs(share, epochs, expected):
    config = TrainerConfig(epochs=epochs, dense_warmup=share)
    assert config.dense_warmup_epochs == expected


def test_schedule_covers_the_run_and_survives_a_resume():
    variables = [keras.Variable(-1.0), keras.Variable(-1.0)]
    schedule = ScheduleByProgress("x", variables, lambda p: p, 5, epochs=2)
    schedule.on_epoch_begin(0)
    schedule.on_train_batch_begin(0)
    assert [float(v) for v in variables] == [0, 0]
    resumed = ScheduleByProgress("x", variables, lambda p: p, 5, epochs=2)
    resumed.on_epoch_begin(1)
    resumed.on_train_batch_begin(4)
    assert [float(v) for v in variables] == [1, 1]
    logs = {}
    resumed.on_epoch_end(1, logs)
    assert logs == {"x": 1.0}


def test_going_back_does_not_take_the_schedule_back():
    variable = keras.Variable(-1.0)
    schedule = ScheduleByProgress("x", [variable], lambda p: 1.0, 5, epochs=2)
    schedule.on_epoch_begin(1)
    schedule.on_train_batch_begin(1)
    variable.assign(0.5)  # what was saved
    schedule.on_going_back(1, step=1)
    schedule.on_train_batch_begin(2)
    assert float(variable) == 1


@pytest.mark.parametrize("actions", [("skip", "reuse", "keep"), ("reuse", "keep")])
def test_dense_warmup_keeps_everything_for_a_while(actions):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 4, 6)).astype("float32")
    policy = LearnedPolicy(hidden_units=4, actions=actions, seed=1)
    policy(x, x)
    before = np.array(policy.output_dense.bias)

    def kept():
        return float(np.mean(policy(x, x, training=True)[..., KEEP]))

    warmup = DenseWarmup([policy, policy], epochs=2)  # shared weights shift once
    for epoch, expected in enumerate([True, True, False, False]):
        warmup.on_epoch_begin(epoch)
        assert (kept() == 1.0) == expected
    np.testing.assert_allclose(np.array(policy.output_dense.bias), before, atol=1e-5)
