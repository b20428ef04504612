"""One training step of the release: losses and gradients."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf import costs
from adafuse_tf.inference import run_with_noise
from adafuse_tf.weights import from_pytorch
from adafuse_tf.weights.mapping import backbone_entries, gate_entries, head_entries
from tests.golden import checkpoints


@pytest.fixture(scope="module")
def step():
    # The step starts from weights as drawn, fresh running statistics and no dropout.
    golden = checkpoints.load("r18_tsn_h64_s64", tuned=False)
    tensors = {
        k: np.zeros_like(v) if k.endswith("running_mean")
        else np.ones_like(v) if k.endswith("running_var") else v
        for k, v in golden.tensors.items()
    }  # fmt: skip
    model = from_pytorch(tensors)
    model.get_layer("dropout").rate = 0.0
    expected = json.loads((checkpoints.FOLDER / "train_step.json").read_text())
    with np.load(checkpoints.FOLDER / "train_step.npz") as file:
        arrays = dict(file)
    names = sorted(k for k in arrays if k.startswith("noise/"))
    noise = {g: arrays[k] for g, k in zip(model.gates, names, strict=True)}
    view = model.with_outputs("logits", "policies")
    with tf.GradientTape(persistent=True) as tape:
        out = run_with_noise(view, tf.constant(golden.clip), noise, training=True)
        accuracy_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
            np.array(expected["label"]), out["logits"]
        )
        cost = costs.authors_gflops(model.cost_table, out["policies"])
        losses = {
            kind: (accuracy_loss, expected[kind]["lam"] * cost[kind])
            for kind in ("real", "upb")
        }
        totals = {kind: sum(pair) for kind, pair in losses.items()}
    rows = backbone_entries(model) + gate_entries(model) + head_entries(model)
    rows = [row for row in rows if ".running_" not in row[0]]
    gradients = {
        kind: tape.gradient(total, [v.value for _, v, _ in rows])
        for kind, total in totals.items()
    }
    return rows, out, losses, gradients, expected, arrays


@pytest.mark.parametrize("kind", ("real", "upb"))
def test_losses(step, kind):
    _, _, losses, _, expected, _ = step
    reference = expected[kind]["losses"]
    assert float(losses[kind][0]) == pytest.approx(reference["acc_loss"], rel=1e-5)
    assert float(losses[kind][1]) == pytest.approx(reference["eff_loss"], rel=1e-5)


def test_logits(step):
    _, out, _, _, _, arrays = step
    np.testing.assert_allclose(out["logits"], arrays["logits"], atol=1e-4)


@pytest.mark.parametrize("kind", ("real", "upb"))
def test_gradient_norms(step, kind):
    rows, _, _, gradients, expected, _ = step
    reference = {
        k.removeprefix("base_model.").replace("new_fc", "fc"): v
        for k, v in expected[kind]["grad_norm"].items()
    }
    assert {name for name, _, _ in rows} == set(reference)
    for (name, _, _), gradient in zip(rows, gradients[kind], strict=True):
        norm = float(np.linalg.norm(gradient))
        # Biases before batch normalisation have a gradient of zero, up to rounding.
        assert norm == pytest.approx(reference[name], rel=2e-3, abs=1e-6), name


@pytest.mark.parametrize("kind", ("real", "upb"))
def test_gradient_of_the_last_policy(step, kind):
    rows, _, _, gradients, _, arrays = step
    names = [name for name, _, _ in rows]
    index = names.index("layer4.1.policy_net.gate_fc1.weight")
    gradient = np.transpose(gradients[kind][index])[:96]
    reference = arrays[f"{kind}_grad_rows"]
    np.testing.assert_allclose(gradient, reference, atol=2e-3 * np.abs(reference).max())
