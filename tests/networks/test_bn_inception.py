"""BN-Inception computes what the authors' release computes."""

import functools
import json
import types

import keras
import numpy as np
import pytest

from adafuse_tf.networks.bn_inception import MODULES, BNInception
from tests.golden import checkpoints
from tests.shared import SHARED, needs_shared

GOLDEN = "parity/inc_tsn_s224"
NAMES = "parity/names/inc_tsn.txt"
CONVOLUTIONS = ("1x1", "3x3_reduce", "3x3", "double_3x3_reduce", "double_3x3_1",
                "double_3x3_2", "pool_proj")  # fmt: skip
SIZES = (*range(7, 17), 28, 56, 57, 112)
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def small():
    return BNInception(width=0.125)


@pytest.fixture(scope="module")
def full():
    return BNInception(input_shape=(224, 224, 3))


@functools.cache
def flops():
    return json.loads((SHARED / GOLDEN / "flops.json").read_text())


def between(model, first, last):
    """The part of the network from the input of one layer to the output of another."""
    return keras.Model(model.get_layer(first).input, model.get_layer(last).output)


def features(model, first, size):
    """A random map as behind a ReLU, for the layer."""
    channels = model.get_layer(first).input.shape[-1]
    return np.maximum(RNG.standard_normal((2, *size, channels)), 0).astype("float32")


def max_pool_by_loops(x, last_pixel=False):
    """3x3, stride 2; torch's `ceil_mode`, or as many windows as every other pixel."""
    height, width = x.shape[1:3]

    def count(size):
        return -(-size // 2) if last_pixel else -(-(size - 3) // 2) + 1

    y = np.empty((len(x), count(height), count(width), x.shape[-1]), x.dtype)
    for i, j in np.ndindex(y.shape[1:3]):
        window = x[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        y[:, i, j] = window.max((1, 2))
    return y


@pytest.mark.parametrize("size, expected", ((64, 2), (96, 3), (97, 3), (112, 4)))
def test_output_shape(small, size, expected):
    x = np.zeros((1, size, 64, 3), "float32")
    y = small(x, training=False)
    assert y.shape == (1, expected, 2, small.output_shape[-1])
    assert small.compute_output_shape(x.shape) == y.shape


def test_width(small, full):
    assert full.output_shape == (None, 7, 7, 1024)
    assert small.output_shape == (None, None, None, 48 + 40 + 32 + 16)
    for layer in small.layers:
        if isinstance(layer, keras.layers.Conv2D):
            wide = full.get_layer(layer.name).filters
            assert layer.filters == max(8, int(wide / 64 + 0.5) * 8)
    with pytest.raises(ValueError, match="width=0"):
        BNInception(width=0)


def test_dtype_is_of_every_layer():
    model = BNInception(width=0.125, dtype="mixed_float16", name="half")
    assert model.name == "half"
    assert {layer.dtype_policy.name for layer in model.layers[1:]} == {"mixed_float16"}
    assert model.output.dtype == "float16"


def test_can_be_saved(small, tmp_path):
    small.save(tmp_path / "model.keras")
    x = RNG.standard_normal((1, 64, 64, 3)).astype("float32")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), small(x))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pool", ("pool1_3x3_s2", "pool2_3x3_s2"))
def test_max_pools_of_the_stem(small, pool, size):
    part = between(small, f"{pool}_pad", pool)
    x = features(small, f"{pool}_pad", (size, 2 + size // 2))
    np.testing.assert_array_equal(part(x), max_pool_by_loops(x))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("module", ("3c", "4e"))
def test_max_pools_that_are_joined(small, module, size):
    pool = f"inception_{module}_pool"
    part = between(small, f"{pool}_pad", pool)
    x = features(small, f"{pool}_pad", (size, 2 * size))
    y = part(x).numpy()
    np.testing.assert_array_equal(y, max_pool_by_loops(x, last_pixel=True))
    released = max_pool_by_loops(x)
    np.testing.assert_array_equal(y[:, : released.shape[1]], released)
    assert y.shape == released.shape or size % 2


def test_max_pool_of_the_last_module(small):
    part = between(small, "inception_5b_pool", "inception_5b_pool")
    x = features(small, "inception_5b_pool", (5, 6))
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = [padded[:, i : i + 3, j : j + 3].max((1, 2)) for i, j in np.ndindex(5, 6)]
    np.testing.assert_array_equal(part(x), np.stack(y, 1).reshape(x.shape))


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"3c", "4e", "5b"}))
def test_average_pools_divide_by_nine(small, module):
    pool = f"inception_{module}_pool"
    part = between(small, f"{pool}_pad", pool)
    x = features(small, f"{pool}_pad", (5, 6))
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    expected = sum(padded[:, i : i + 5, j : j + 6] for i, j in np.ndindex(3, 3)) / 9
    np.testing.assert_allclose(part(x), expected, rtol=1e-5, atol=1e-6)


@needs_shared(NAMES)
def test_names_are_those_of_the_release(full):
    names = (line.split("\t")[0] for line in open(SHARED / NAMES))
    prefix = "module.base_model."
    expected = {
        name.removeprefix(prefix).rsplit(".", 1)[0]
        for name in names
        if name.startswith(prefix) and "policy_net" not in name
    }
    assert {layer.name for layer in full.layers if layer.weights} == expected


@needs_shared(GOLDEN)
def test_macs_of_the_release(full):
    layers = {layer.name: layer for layer in full.layers}
    counted = []
    for module in MODULES:
        names = [f"inception_{module}_{branch}" for branch in CONVOLUTIONS]
        macs = []
        for layer in (layers[name] for name in names if name in layers):
            kernel, _, inputs, outputs = layer.kernel.shape
            _, height, width, _ = layer.output.shape
            macs.append((kernel * kernel * inputs + 1) * outputs * height * width)
        counted.append(macs)
    assert counted == flops()["conv_list_per_block"]


@needs_shared(GOLDEN)
def test_parameters_of_the_release(full, released):
    others = sum(
        np.size(value)
        for name, value in released.tensors.items()
        if ("policy_net" in name or "new_fc" in name)
        and not name.endswith(("running_mean", "running_var", "num_batches_tracked"))
    )
    count = sum(int(np.prod(w.shape)) for w in full.trainable_weights)
    assert count + others == round(flops()["params_millions"] * 1e6)


@pytest.fixture(scope="module")
def released():
    """The release's tensors, clip `[T, H, W, 3]` and outputs."""
    meta = json.loads((SHARED / GOLDEN / "meta.json").read_text())
    stored = [np.load(SHARED / GOLDEN / f"{x}.npz") for x in ("tuned", "outputs")]
    tuned, outputs = (dict(file) for file in stored)
    tensors = checkpoints.rebuild(meta["shapes"], meta["seed"], tuned)
    clip = checkpoints.clip(**{k: meta[k] for k in ("N", "T", "size", "seed")})
    return types.SimpleNamespace(tensors=tensors, clip=clip[0], outputs=outputs)


def load(model, tensors):
    for layer in model.layers:
        prefix = f"module.base_model.{layer.name}"
        if isinstance(layer, keras.layers.BatchNormalization):
            leaves = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([tensors[f"{prefix}.{leaf}"] for leaf in leaves])
        elif layer.weights:
            kernel = tensors[f"{prefix}.weight"].transpose(2, 3, 1, 0)
            layer.set_weights([kernel, tensors[f"{prefix}.bias"]])


def previous(x):
    """What was there one frame before; zeros before the first."""
    return np.concatenate([np.zeros_like(x[:1]), x[:-1]])


def policy_scores(x, tensors, module):
    """Log-probabilities `[T, C, 3]` of a gate, from the input of its module."""

    def tensor(name):
        return tensors[f"module.base_model.policy_net_{module}.{name}"]

    pooled = x.mean((1, 2))
    h = np.concatenate([previous(pooled), pooled], -1)
    h = h @ tensor("gate_fc0.weight").T + tensor("gate_fc0.bias")
    h = (h - tensor("gate_bn.running_mean")) / np.sqrt(
        tensor("gate_bn.running_var") + 1e-5
    )
    h = np.maximum(h * tensor("gate_bn.weight") + tensor("gate_bn.bias"), 0)
    scores = h @ tensor("gate_fc1.weight").T + tensor("gate_fc1.bias")
    scores = np.exp(scores.reshape(len(x), -1, 3))
    return np.log(np.maximum(scores / scores.sum(-1, keepdims=True), 1e-8))


@needs_shared(GOLDEN)
@pytest.mark.parametrize("kind", ("argmax", "inject"))
def test_gated_by_hand_it_gives_the_numbers_of_the_release(full, released, kind):
    tensors, outputs = released.tensors, released.outputs
    load(full, tensors)
    end = full.get_layer("pool2_3x3_s2").output
    x = keras.Model(full.input, end)(released.clip, training=False).numpy()
    for index, module in enumerate(MODULES):
        start, end = end, full.get_layer(f"inception_{module}_output").output
        y = keras.Model(start, end)(x, training=False).numpy()
        scores = policy_scores(x, tensors, module)
        if kind == "argmax":
            golden = outputs[f"argmax_gatelogits_{index:02}"][0]
            np.testing.assert_allclose(scores, golden, 1e-5, 1e-4)
        else:
            scores = scores + outputs[f"inject_noise_{index:02}"][0]
        policy = outputs[f"{kind}_policy_{index:02}"][0]
        np.testing.assert_array_equal(scores.argmax(-1), policy)
        keep, reuse = ((policy == i)[:, None, None] for i in (2, 1))
        x = np.where(keep, y, np.where(reuse, previous(y), 0))
    logits = x.mean((1, 2)) @ tensors["module.new_fc.weight"].T
    logits += tensors["module.new_fc.bias"]
    if kind == "argmax":
        golden = outputs["argmax_frame_logits"][0]
        np.testing.assert_allclose(logits, golden, atol=1e-4)
    np.testing.assert_allclose(logits.mean(0), outputs[f"{kind}_logits"][0], atol=1e-4)
