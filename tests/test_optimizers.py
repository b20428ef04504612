"""Optimizers and schedules that go through a file; see test_saved_recipe, too."""

import keras
import numpy as np
import pytest

from adafuse_tf.optimizers import SGD, AdamW, LinearWarmup, LossScaleOptimizer

OPTIMIZERS = [SGD, AdamW]


def dense(name, trainable=True):
    layer = keras.layers.Dense(2, name=name, trainable=trainable)
    layer.build((None, 3))
    return layer


def again(optimizer):
    """Through a configuration as a file has it."""
    config = keras.saving.serialize_keras_object(optimizer)
    return keras.saving.deserialize_keras_object(config)


def moved(optimizer, variables):
    """How far each variable goes with gradients of 1."""
    before = [np.array(v) for v in variables]
    optimizer.apply([np.ones(v.shape, "float32") for v in variables], variables)
    return [
        np.abs(np.array(v) - b).max() for v, b in zip(variables, before, strict=True)
    ]


@pytest.mark.parametrize("optimizer_class", OPTIMIZERS)
def test_multipliers_come_back_before_and_after_building(optimizer_class):
    first = optimizer_class(
        learning_rate_multipliers={"a/bias": 2.0, "a/kernel": 0.5}, weight_decay=0.0
    )
    second = again(first)
    assert second.learning_rate_multipliers == {"a/bias": 2.0, "a/kernel": 0.5}
    variables = [*dense("a").trainable_variables, *dense("b").trainable_variables]
    expected = moved(first, variables)
    np.testing.assert_allclose(np.array(expected) / expected[2], [0.5, 2, 1, 1], 1e-4)
    # Built, it knows them by place: the layers of a loaded model may have other paths.
    others = [*dense("c").trainable_variables, *dense("d").trainable_variables]
    np.testing.assert_allclose(moved(again(first), others), expected, 1e-4)


@pytest.mark.parametrize("optimizer_class", OPTIMIZERS)
def test_exclusions_come_back(optimizer_class):
    arguments = {"learning_rate": 0.1, "weight_decay": 0.5}
    first = optimizer_class(weight_decay_exclusions=["bias"], **arguments)
    second = optimizer_class(**arguments)
    second.exclude_from_weight_decay(var_names=["bias"])
    for optimizer in (first, again(first), again(second)):
        layer = dense("bias_free")  # the name of the layer does not count
        layer.bias.assign([1.0, 1.0])
        kernel = np.array(layer.kernel)
        zeros = [np.zeros(v.shape, "float32") for v in layer.trainable_variables]
        optimizer.apply(zeros, layer.trainable_variables)
        np.testing.assert_allclose(np.array(layer.kernel), 0.95 * kernel, rtol=1e-5)
        np.testing.assert_array_equal(np.array(layer.bias), [1, 1])


def test_paths_must_be_those_of_variables():
    variables = dense("a").trainable_variables
    with pytest.raises(ValueError, match="'a/biass', the path of 0 of 2"):
        SGD(learning_rate_multipliers={"a/biass": 2.0}).build(variables)
    twins = [*variables, *dense("a").trainable_variables]
    with pytest.raises(ValueError, match="'a/bias', the path of 2 of 4"):
        SGD(learning_rate_multipliers={"a/bias": 2.0}).build(twins)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate_multipliers": {"a/bias": -1.0}}, "at least 0. Received: -1.0"),
        ({"learning_rate_multipliers": [float("nan")]}, "finite.*Received: nan"),
        ({"weight_decay_exclusions": "bias"}, "several strings.*Received: 'bias'"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        AdamW(**arguments)


def test_only_what_can_be_saved_is_excluded():
    variables = dense("a").trainable_variables
    optimizer = SGD()
    with pytest.raises(ValueError, match="`var_names`.*Received: 1 variables"):
        optimizer.exclude_from_weight_decay(var_list=variables[:1])
    optimizer.build(variables)
    with pytest.raises(ValueError, match="before the optimizer is built.*built=True"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])


def test_a_model_that_was_frozen_since_loads_but_does_not_train(tmp_path):
    model = keras.Sequential([keras.Input((3,)), dense("a"), keras.layers.Dense(1)])
    multipliers = {"a/bias": 2.0}
    model.compile(SGD(momentum=0.9, learning_rate_multipliers=multipliers), loss="mse")
    data = np.ones([4, 3], "float32"), np.ones([4, 1], "float32")
    model.train_on_batch(*data)
    model.layers[0].trainable = False
    model.save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded(data[0]), model(data[0]))
    loaded.save(tmp_path / "again.keras")
    with pytest.raises(ValueError, match="compile it anew. Received: 4 for 2"):
        loaded.train_on_batch(*data)
    loaded.compile(SGD(), loss="mse")
    loaded.train_on_batch(*data)


def test_warmup_comes_back():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([3], [1.0, 0.1])
    loaded = again(SGD(LinearWarmup(schedule, 2)))._learning_rate
    assert isinstance(loaded, LinearWarmup)
    found = [float(loaded(step)) for step in range(6)]
    np.testing.assert_allclose(found, [0.5, 1, 1, 1, 0.1, 0.1], rtol=1e-6)
    with pytest.raises(ValueError, match="at least 1. Received: 0"):
        LinearWarmup(schedule, 0)


def test_loss_scale_comes_back_with_what_it_wraps():
    first = LossScaleOptimizer(SGD(momentum=0.5, nesterov=True), initial_scale=8.0)
    loaded = again(first)
    assert type(loaded) is LossScaleOptimizer and loaded.initial_scale == 8.0
    assert type(loaded.inner_optimizer) is SGD
    assert loaded.inner_optimizer.get_config() == first.inner_optimizer.get_config()
