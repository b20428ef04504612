"""What every layer and every model owes to Keras, as one check."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from adafuse_tf.layers import AdaptiveTemporalFusion, LearnedPolicy
from tests import fresh_process

_SCRIPT = Path(fresh_process.__file__)


class FreshProcess:
    """Loads models where nothing but the package has been imported."""

    def __init__(self, folder):
        self._folder = folder
        self._process = None

    def load(self, model, inputs, labels=None):
        """Saves a model and returns `(facts, numbers)` of it, loaded over there."""
        paths = {
            "model": str(self._folder / "model.keras"),
            "inputs": str(self._folder / "inputs.npz"),
            "outputs": str(self._folder / "outputs.npz"),
        }
        model.save(paths["model"])
        arrays = {f"x{i}": x for i, x in enumerate(inputs)}
        if labels is not None:
            arrays["labels"] = labels
        np.savez(paths["inputs"], **arrays)
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, _SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        self._process.stdin.write(json.dumps(paths) + "\n")
        self._process.stdin.flush()
        reply = json.loads(self._process.stdout.readline())
        assert "error" not in reply, reply["error"]
        return reply, dict(np.load(paths["outputs"]))

    def close(self):
        """Ends the process."""
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait()


def check_model(make, inputs, labels, fresh, quantizes=False):
    """Runs all checks of this module that fit.

    Args:
        make: `make(dtype=None)` makes a model with fresh weights; with other precisions
            than float32 it may give None.
        inputs: List of arrays, one per input of the model.
        labels: Labels, with which the model is trained.
        fresh: A `FreshProcess`.
        quantizes: Whether there is a layer that Keras can quantize.
    """
    check_file(make(), inputs, fresh)
    check_training_goes_on(make, inputs, labels, fresh)
    check_precision(make, inputs, fresh)
    check_freezing(make(), inputs, fresh)
    check_clone(make(), inputs, labels)
    check_functional_use(make(), inputs, fresh)
    check_jit(make, inputs, labels)
    check_nan_shows(make(), inputs)
    if quantizes:
        check_quantization(make(), inputs, fresh)


def check_file(model, inputs, fresh):
    """A `.keras` file gives the same model to a fresh process."""
    facts, found = fresh.load(model, inputs)
    assert facts == fresh_process.facts(model)
    assert_equal(found, fresh_process.numbers(model, inputs))


def check_training_goes_on(make, inputs, labels, fresh):
    """A model that is saved while it trains goes on as if it had not been."""
    model = compiled(make())
    x = inputs if len(inputs) > 1 else inputs[0]
    model.train_on_batch(x, labels)
    for loss in keras.tree.flatten(model.loss):
        if hasattr(loss, "weight"):
            loss.weight.assign(0.25)  # as schedules do
    facts, found = fresh.load(model, inputs, labels)
    assert facts == fresh_process.facts(model) and facts["compiled"]
    assert_equal(found, fresh_process.numbers(model, inputs, labels), 1e-5)


def check_precision(make, inputs, fresh):
    """The precision of every layer is kept, whatever the reader's own is."""
    for dtype in ("mixed_bfloat16", "mixed_float16"):
        model = make(dtype=dtype)
        if model is not None:
            facts, found = fresh.load(model, inputs)
            assert facts == fresh_process.facts(model)
            assert any(dtype in layer for layer in facts["layers"])
            assert_equal(found, fresh_process.numbers(model, inputs))
            assert keras.config.dtype_policy().name == "float32"


def check_freezing(model, inputs, fresh):
    """What is frozen stays so: one layer, then all of them."""
    weighted = [layer for layer in model.layers if layer.trainable_variables]
    if not weighted:
        return
    before = len(model.trainable_variables)
    for frozen in ([weighted[0]], model.layers):
        for layer in frozen:
            layer.trainable = False
        facts, _ = fresh.load(model, inputs)
        left = sorted(v.path for v in model.trainable_variables)
        assert facts["trainable"] == left and len(left) < before
    assert not facts["trainable"]


def check_clone(model, inputs, labels):
    """`clone_model` gives a model of the same class that trains."""
    clone = keras.models.clone_model(model)
    assert type(clone) is type(model)
    assert clone.count_params() == model.count_params()
    clone.set_weights(model.get_weights())
    wanted = fresh_process.numbers(model, inputs)
    assert_equal(fresh_process.numbers(clone, inputs), wanted)
    x = inputs if len(inputs) > 1 else inputs[0]
    compiled(clone).train_on_batch(x, labels)
    assert_equal(fresh_process.numbers(model, inputs), wanted)  # nothing is shared


def check_functional_use(model, inputs, fresh):
    """Inside of another functional model it gives what it gives alone."""
    outer_inputs = [keras.Input(x.shape[1:]) for x in inputs]
    doubled = [keras.layers.Rescaling(2.0)(x) for x in outer_inputs]
    y = model(doubled if len(inputs) > 1 else doubled[0])
    outer = keras.Model(outer_inputs if len(inputs) > 1 else outer_inputs[0], y)
    wanted = fresh_process.numbers(model, inputs)
    halves = [x / 2 for x in inputs]
    assert_equal(fresh_process.numbers(outer, halves), wanted)
    facts, found = fresh.load(outer, halves)
    assert facts == fresh_process.facts(outer)
    assert_equal(found, wanted)


def check_jit(make, inputs, labels):
    """XLA compiles calls and training steps, to the same numbers, or is told not to."""
    model = make()
    if not all(layer.supports_jit for layer in model._flatten_layers()):
        return
    x = inputs if len(inputs) > 1 else inputs[0]
    wanted = keras.tree.flatten(model(x))
    call = tf.function(lambda x: model(x), jit_compile=True, autograph=False)
    for a, b in zip(keras.tree.flatten(call(x)), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    trained = []
    for jit in (False, True):
        keras.utils.set_random_seed(0)
        model = compiled(make(), jit_compile=jit)
        trained.append(np.ravel(model.train_on_batch(x, labels))[0])
    assert np.isfinite(trained).all()


def check_nan_shows(model, inputs):
    """A NaN in one policy network is no decision: the outputs are NaN."""
    for layer in model._flatten_layers():
        if isinstance(layer, LearnedPolicy):
            for variable in (layer.hidden_dense.kernel, layer.output_dense.bias):
                before = np.array(variable)
                broken = before.copy()
                broken.flat[0] = np.nan
                variable.assign(broken)
                found = fresh_process.numbers(model, inputs)
                for name, value in found.items():
                    assert np.isnan(value).any(), name
                variable.assign(before)
            return


def check_quantization(model, inputs, fresh):
    """8 bits where Keras has them; decisions stay as they are."""
    gates = [g for g in model.layers if isinstance(g, AdaptiveTemporalFusion)]
    outputs = [gate.output[1] for gate in gates] or [model.input]
    policies = keras.Model(model.input, outputs)
    before = [np.array(policy) for policy in policies(inputs[0])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names all layers that Keras cannot quantize
        model.quantize("int8")
    assert any("int8" in layer for layer in fresh_process.facts(model)["layers"])
    for a, b in zip(before, policies(inputs[0]), strict=True):
        np.testing.assert_array_equal(a, b)
    check_file(model, inputs, fresh)


def compiled(model, **options):
    """The model compiled, by its own defaults if it has any."""
    own = type(model).compile is not keras.Model.compile
    arguments = () if own else (keras.optimizers.SGD(0.01, momentum=0.9), "mse")
    model.compile(*arguments, **options)
    return model


def assert_equal(found, wanted, tolerance=1e-6):
    """Equal names, equal numbers up to rounding."""
    assert found.keys() == wanted.keys()
    for name in wanted:
        scale = max(1.0, float(np.nan_to_num(np.abs(wanted[name])).max(initial=0)))
        np.testing.assert_allclose(
            found[name], wanted[name], rtol=0, atol=tolerance * scale, err_msg=name
        )
