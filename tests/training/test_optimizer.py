"""Learning rates over time and per variable."""

import keras
import numpy as np
import pytest

from adafuse_tf.training.config import OptimizerConfig
from adafuse_tf.training.optimizer import build_learning_rate, build_optimizer


def rates(steps, **settings):
    config = OptimizerConfig(learning_rate=1.0, **settings)
    schedule = build_learning_rate(config, steps_per_epoch=10, epochs=10)
    return [float(schedule(step)) for step in steps]


def test_step_schedule_drops_after_its_shares():
    found = rates([0, 39, 40, 79, 80, 99], schedule="step")
    np.testing.assert_allclose(found, [1, 1, 0.1, 0.1, 0.01, 0.01], rtol=1e-6)


def test_cosine_schedule_falls_to_zero():
    np.testing.assert_allclose(rates([0, 50, 100]), [1, 0.5, 0], atol=1e-6)


def test_constant_schedule():
    assert rates([0, 99, 1000], schedule="constant") == [1, 1, 1]


def test_warmup_climbs_to_the_schedule():
    found = rates([0, 9, 19, 20, 99], schedule="constant", warmup_epochs=2.0)
    np.testing.assert_allclose(found, [0.05, 0.5, 1, 1, 1], rtol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_gates_learn_at_their_own_rate(name):
    config = OptimizerConfig(
        name=name,
        learning_rate=0.1,
        schedule="constant",
        clip_norm=None,
        gate_learning_rate_multiplier=0.25,
    )
    gate, other = keras.Variable([1.0, 1.0]), keras.Variable([1.0, 1.0])
    optimizer = build_optimizer(config, 10, 10, gate_variables=[gate])
    for _ in range(3):
        optimizer.apply([np.float32([1, -2])] * 2, [gate, other])
    moved = 1 - np.array(other)
    assert np.abs(moved).min() > 0.05
    np.testing.assert_allclose(1 - np.array(gate), 0.25 * moved, rtol=1e-5)


def test_a_shared_layer_is_multiplied_once():
    config = OptimizerConfig(
        learning_rate=1.0,
        momentum=0.0,
        weight_decay=0.0,
        schedule="constant",
        gate_learning_rate_multiplier=0.25,
    )
    gate = keras.Variable([1.0])
    optimizer = build_optimizer(config, 10, 10, gate_variables=[gate, gate])
    optimizer.apply([np.float32([1])], [gate])
    np.testing.assert_allclose(np.array(gate), [0.75], rtol=1e-6)


def dense():
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    layer.bias.assign([1.0, 1.0])
    return layer


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_weight_decay_is_for_kernels(name):
    config = OptimizerConfig(
        name=name, learning_rate=0.1, schedule="constant", weight_decay=0.5
    )
    layer = dense()
    before = np.array(layer.kernel)
    optimizer = build_optimizer(config, 10, 10)
    zeros = [np.zeros(v.shape, "float32") for v in layer.trainable_variables]
    optimizer.apply(zeros, layer.trainable_variables)
    np.testing.assert_allclose(np.array(layer.kernel), before * 0.95, rtol=1e-5)
    np.testing.assert_array_equal(np.array(layer.bias), [1, 1])


def test_sgd_is_the_published_one():
    """Clip, then decay in the gradient, then momentum; biases twice as fast."""
    config = OptimizerConfig(
        learning_rate=0.1,
        schedule="constant",
        momentum=0.9,
        weight_decay=0.5,
        clip_norm=1.0,
        bias_learning_rate_multiplier=2.0,
        gate_learning_rate_multiplier=3.0,
    )
    layers = dense(), dense()
    kernels = [np.array(layer.kernel) for layer in layers]
    biases, moved = [1.0, 1.0], [0.0] * 4
    variables = [v for layer in layers for v in layer.trainable_variables]
    gate = layers[1].trainable_variables
    optimizer = build_optimizer(config, 10, 10, variables, gate)
    for gradient in (2.0, 0.5, -3.0):
        gradients = [np.full(v.shape, gradient, "float32") for v in variables]
        optimizer.apply(gradients, variables)
        clipped = gradient / max(1.0, abs(gradient) * np.sqrt(2 * 6 + 2 * 2))
        for i, rate in enumerate((0.1, 0.3)):
            moved[i] = 0.9 * moved[i] - rate * (clipped + 0.5 * kernels[i])
            kernels[i] = kernels[i] + moved[i]
            moved[2 + i] = 0.9 * moved[2 + i] - 2 * rate * clipped
            biases[i] += moved[2 + i]
    for i, layer in enumerate(layers):
        np.testing.assert_allclose(np.array(layer.kernel), kernels[i], 1e-5, 1e-6)
        np.testing.assert_allclose(np.array(layer.bias), biases[i], 1e-5, 1e-6)


def test_accumulated_gradients_are_one_step_of_their_mean():
    config = OptimizerConfig(
        learning_rate=1.0,
        momentum=0.0,
        clip_norm=None,
        schedule="step",
        steps=(0.5,),
        gradient_accumulation_steps=2,
    )
    variable = keras.Variable([0.0])
    optimizer = build_optimizer(config, steps_per_epoch=4, epochs=2)
    found = []
    for gradient in (1.0, 3.0, 1.0, 1.0, 1.0, 1.0):
        optimizer.apply([np.float32([gradient])], [variable])
        found.append(float(variable[0]))
    # 4 changes in 8 steps; the rate falls after half of them.
    np.testing.assert_allclose(found, [0, -2, -2, -3, -3, -3.1], rtol=1e-6)
