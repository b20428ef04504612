"""One training step of the release: losses, gradients, new weights and statistics."""

import json
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf import costs
from adafuse_tf.inference import run_with_noise
from adafuse_tf.training.config_loading import load_config
from adafuse_tf.training.optimizer import build_optimizer
from adafuse_tf.weights import from_pytorch
from adafuse_tf.weights.mapping import backbone_entries, gate_entries, head_entries
from tests.golden import checkpoints

RATE = 0.01
# Width of the maps behind these layers, for frames of 64 pixels.
WIDTHS = {"bn1": 32, "layer1": 16, "layer2": 8, "layer3": 4, "layer4": 2}


@pytest.fixture(scope="module", params=["tsn_real", "tsn_upb", "tsm_real"])
def step(request):
    """A step of the network and the form of the cost that a name says."""
    network, form = request.param.split("_")
    # It starts from weights as drawn, fresh running statistics and no dropout.
    golden = checkpoints.load(f"r18_{network}_h64_s64", tuned=False)
    tensors = {
        k: np.zeros_like(v) if k.endswith("running_mean")
        else np.ones_like(v) if k.endswith("running_var") else v
        for k, v in golden.tensors.items()
    }  # fmt: skip
    model = from_pytorch(tensors, "bidirectional" if network == "tsm" else "none")
    model.get_layer("dropout").rate = 0.0
    file = json.loads((checkpoints.FOLDER / "train_step.json").read_text())
    expected = file[request.param]
    with np.load(checkpoints.FOLDER / "train_step.npz") as arrays:
        names = sorted(k for k in arrays if k.startswith("noise/"))
        noise = {g: arrays[k] for g, k in zip(model.gates, names, strict=True)}
        expected["logits"] = arrays[f"{network}/logits"]
        expected["grad_rows"] = arrays[f"{request.param}/grad_rows"]
    view = model.with_outputs("logits", "policies")
    with tf.GradientTape() as tape:
        out = run_with_noise(view, tf.constant(golden.clip), noise, training=True)
        accuracy_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
            np.array(file["label"]), out["logits"]
        )
        cost = costs.authors_gflops(model.cost_table, out["policies"])[form]
        flops_loss = expected["lam"] * cost
        loss = accuracy_loss + flops_loss
    rows = backbone_entries(model) + gate_entries(model) + head_entries(model)
    variables = {name: v for name, v, _ in rows if ".running_" not in name}
    gradients = tape.gradient(loss, [v.value for v in variables.values()])
    before = [np.array(v) for v in variables.values()]
    recipe = load_config("published").trainer.optimizer
    recipe = recipe.model_copy(update={"learning_rate": RATE})
    assert recipe.clip_norm > expected["total_grad_norm"]  # so that nothing is clipped
    optimizer = build_optimizer(recipe, 1000, 1, list(variables.values()))
    optimizer.apply(gradients, list(variables.values()))
    steps = [np.array(v) - b for v, b in zip(variables.values(), before, strict=True)]
    return types.SimpleNamespace(
        expected=expected,
        logits=out["logits"],
        losses={"acc_loss": accuracy_loss, "eff_loss": flops_loss, "loss": loss},
        gradients=dict(zip(variables, gradients, strict=True)),
        before=dict(zip(variables, before, strict=True)),
        steps=dict(zip(variables, steps, strict=True)),
        running={name: np.array(v) for name, v, _ in rows if ".running_" in name},
    )


def assert_norms(found, expected):
    assert set(found) == set(expected)
    for name, value in found.items():
        # Biases before batch normalisation have a gradient of zero, up to rounding.
        norm = float(np.linalg.norm(value))
        assert norm == pytest.approx(expected[name], rel=2e-3, abs=1e-6), name


def test_losses(step):
    for name, loss in step.losses.items():
        assert float(loss) == pytest.approx(step.expected["losses"][name], rel=1e-5)


def test_logits(step):
    np.testing.assert_allclose(step.logits, step.expected["logits"], atol=1e-4)


def test_gradient_norms(step):
    assert_norms(step.gradients, step.expected["grad_norm"])


def test_gradient_of_the_last_policy(step):
    gradient = step.gradients["layer4.1.policy_net.gate_fc1.weight"]
    reference = step.expected["grad_rows"]
    atol = 2e-3 * np.abs(reference).max()
    np.testing.assert_allclose(np.transpose(gradient)[:96], reference, atol=atol)


def test_norm_of_all_gradients(step):
    norm = np.sqrt(sum(np.sum(np.square(g)) for g in step.gradients.values()))
    assert norm == pytest.approx(step.expected["total_grad_norm"], rel=1e-4)


def test_step_norms(step):
    assert_norms(step.steps, step.expected["step_norm"])


def test_steps(step):
    """Decay in the gradient, biases at twice the rate, BatchNorm without decay."""
    for name, found in step.steps.items():
        layer, leaf = name.split(".")[-2:]
        batch_norm = "bn" in layer or layer == "downsample1"
        rate = RATE if batch_norm or leaf == "weight" else 2 * RATE
        decay = 5e-4 if leaf == "weight" and not batch_norm else 0.0
        expected = -rate * (step.gradients[name] + decay * step.before[name])
        # A step is the difference of two weights, each rounded.
        atol = 1e-5 * np.abs(expected).max() + 2e-7 * np.abs(step.before[name]).max()
        np.testing.assert_allclose(found, expected, atol=atol, rtol=0, err_msg=name)


def test_running_statistics(step):
    found = {}
    for name, value in step.running.items():
        if name.endswith("running_var"):
            # PyTorch keeps the variance of the sample, Keras that of the batch.
            policy = "policy_net" in name
            count = 16 * (1 if policy else WIDTHS[name.split(".")[0]] ** 2)
            value = 0.9 + (value - 0.9) * count / (count - 1)
        found[name] = value
    assert_norms(found, step.expected["running_norm"])
