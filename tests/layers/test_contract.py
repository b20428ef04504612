"""Layers keep to Keras' contract, in models of anybody's."""

import keras
import numpy as np
import pytest

from adafuse_tf import costs, layers
from adafuse_tf.data import Preprocessing
from adafuse_tf.models.video_model import ClipFormat
from tests.contract import check_model

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 5, 6, 4, 8)).astype("float32")
Y = RNG.normal(size=(2, 5, 3, 2, 12)).astype("float32")
VECTORS = RNG.normal(size=(2, 5, 8)).astype("float32")
FRAMES = RNG.uniform(0, 255, (2, 2, 9, 12, 3)).astype("float32")
POLICY = np.eye(3, dtype="float32")[RNG.integers(0, 3, (2, 5, 12))]

OPERATIONS = [
    costs.conv2d("up", 3, 8, 12, 2, produces="gate"),
    costs.conv2d("down", 3, 12, 8, 2, consumes="gate"),
]


def gate(**options):
    return lambda dtype: layers.AdaptiveTemporalFusion(
        layers.LearnedPolicy(6, **options.get("policy", {})),
        history=options.get("history", "raw"),
        dtype=dtype,
    )


# Name -> (how to make the layer, its inputs, whether it follows a precision).
LAYERS = {
    "gate": (gate(), (X, Y), True),
    "gate, fused": (gate(history="fused"), (X, Y), True),
    "gate, skip or keep": (gate(policy={"actions": ("skip", "keep")}), (X, Y), True),
    "gate, reuse or keep": (gate(policy={"actions": ("reuse", "keep")}), (X, Y), True),
    "gate, groups": (gate(policy={"group_size": 3, "pooling": "max"}), (X, Y), True),
    "learned policy": (lambda _: layers.LearnedPolicy(hidden_quota=60), (X, Y), False),
    "keep policy": (lambda _: layers.KeepPolicy(), (X, Y), False),
    "random policy": (lambda _: layers.RandomPolicy(), (X, Y), False),
    "threshold policy": (lambda _: layers.ThresholdPolicy(), (X, Y), False),
    "shift": (lambda dtype: layers.TemporalShift(dtype=dtype), (X,), True),
    "causal": (lambda dtype: layers.TemporalShift("causal", dtype=dtype), (X,), True),
    "per frame": (
        lambda dtype: layers.PerFrame(keras.layers.Conv2D(4, 3, dtype=dtype)),
        (X,),
        True,
    ),
    "LSTM": (lambda dtype: layers.FrameLSTM(4, dtype=dtype), (VECTORS,), True),
    "consensus": (lambda _: layers.AverageConsensus(), (VECTORS,), False),
    "format": (lambda dtype: ClipFormat({"crop": 8}, dtype=dtype), (FRAMES,), True),
    "preprocessing": (lambda _: Preprocessing(2, 8, 8), (FRAMES,), False),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer(name, fresh):
    make, inputs, follows = LAYERS[name]

    def model(dtype=None):
        if dtype is not None and not follows:
            return None
        keras.utils.set_random_seed(1)
        # One output with weights of its own: there is something to train.
        tensors = [keras.Input(x.shape[1:]) for x in inputs]
        outputs = keras.tree.flatten(make(dtype)(*tensors))
        flat = [keras.layers.Flatten()(output) for output in outputs]
        joined = flat[0] if len(flat) == 1 else keras.layers.Concatenate()(flat)
        answer = keras.layers.Dense(2, name="answer")(joined)
        model = keras.Model(tensors if len(tensors) > 1 else tensors[0], answer)
        for variable in model.trainable_variables:
            if "policy" in variable.path:  # decisions far from ties
                variable.assign(np.random.default_rng(1).normal(size=variable.shape))
        return model

    check_model(model, list(inputs), np.ones((2, 2), "float32"), fresh)


def test_cost_layer(fresh):
    def model(dtype=None):
        if dtype is not None:
            return None
        frames, policy = keras.Input((5, 8, 8, 3)), keras.Input((5, 12, 3))
        cost = costs.ClipCost(OPERATIONS, {"gate": "raw"})(frames, {"gate": policy})
        answer = keras.layers.Dense(2)(keras.layers.Reshape((1,))(cost))
        return keras.Model([frames, policy], answer)

    frames = np.zeros((2, 5, 8, 8, 3), "float32")
    check_model(model, [frames, POLICY], np.ones((2, 2), "float32"), fresh)


@pytest.mark.parametrize(
    "make",
    (layers.LearnedPolicy, layers.KeepPolicy, layers.AverageConsensus, Preprocessing),
)
def test_a_precision_that_would_be_ignored_is_refused(make):
    assert make(dtype="float32").compute_dtype == "float32"
    with pytest.raises(ValueError, match="leave `dtype` out.*mixed_float16"):
        make(dtype="mixed_float16")
