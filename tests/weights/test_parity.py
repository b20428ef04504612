"""The authors' checkpoints give the authors' numbers."""

import numpy as np
import pytest

import adafuse_tf
from adafuse_tf import costs
from adafuse_tf.weights import from_pytorch
from tests.golden import checkpoints

CONFIGURATIONS = (
    "r18_tsn_base_s64",
    "r18_tsn_h64_s64",
    "r18_tsm_h64_s64",
    "r18_tsn_s64",
    "r18_skiponly_h64_s64",
    "r18_reuseonly_h64_s64",
    "r50_tsm_last_s64",
    "inc_tsn_s224",
)
# The release's counter takes the global pool of BN-Inception for one operation per
# channel, that of the ResNets, as we do everywhere, for one per value and one more.
POOL = {"inc_tsn_s224": 1024 * 7 * 7 / 1e9}


def convert(golden):
    config = golden.meta["config"]
    return from_pytorch(
        golden.tensors, shift="bidirectional" if "tsm" in config else "none"
    )


def action_index(golden, policy):
    """The release numbers its actions within the set that a model chooses from."""
    config = golden.meta["config"]
    if "reuseonly" in config:
        return policy + 1
    return policy * 2 if "skiponly" in config else policy


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def case(request):
    golden = checkpoints.load(request.param)
    model = convert(golden)
    return golden, model, adafuse_tf.profile(model, golden.clip)


def test_logits(case):
    golden, _, profile = case
    np.testing.assert_allclose(profile.logits, golden.outputs["logits"], atol=1e-4)


def test_policies_are_exact(case):
    golden, model, profile = case
    # The release lists ungated blocks as all-keep, in front of the gated ones.
    expected = golden.gates("policy")[-len(model.gates) or None :]
    assert len(profile.policies) == len(model.gates) == len(expected)
    for policy, reference in zip(profile.policies.values(), expected, strict=True):
        np.testing.assert_array_equal(policy, action_index(golden, reference))


def test_reported_costs(case):
    golden, model, profile = case
    cost = golden.meta["cost"]
    pool = 8 * POOL.get(golden.name, 0.0)
    base = profile.authors_gflops["base"] - pool
    # Adding in float32, the release loses a little.
    assert base == pytest.approx(cost["base_per_clip"], 1e-7 if not pool else 3e-7)
    for key in ("upb", "real") if model.gates else ():
        assert profile.authors_gflops[key] - pool == pytest.approx(
            cost[f"official_{key}_per_clip"], rel=3e-7 if not pool else 5e-7
        )


def test_cost_with_the_last_frame_repaired(case):
    golden, model, profile = case
    one_hot = {k: np.eye(3, dtype="float32")[p] for k, p in profile.policies.items()}
    cost = costs.authors_gflops(model.cost_table, one_hot, last_frame="exact")
    reported = golden.meta["cost"]
    if "recomputed" not in reported:
        pytest.skip("nobody has recomputed this one")
    # Without gates nothing is saved, whatever the rule for the last frame.
    fixed = reported["recomputed"]["real_fixed"] if model.gates else None
    expected = fixed or reported["base_per_frame"]
    assert float(cost["real"]) == pytest.approx(expected, rel=3e-7)


def test_parameters(case):
    golden, model, _ = case
    count = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert count == round(golden.meta["cost"]["params_millions"] * 1e6)


def test_replayed_noise():
    golden = checkpoints.load("r18_tsn_h64_s64")
    model = convert(golden)
    noise = dict(zip(model.gates, golden.gates("noise"), strict=True))
    profile = adafuse_tf.profile(model, golden.clip, noise=noise)
    for policy, expected in zip(
        profile.policies.values(), golden.gates("noisy_policy"), strict=True
    ):
        np.testing.assert_array_equal(policy, expected)
    np.testing.assert_allclose(
        profile.logits, golden.outputs["noisy_logits"], atol=1e-4
    )
    cost = golden.meta["cost"]["inject_real_per_frame"]
    assert profile.authors_gflops["real"] / 8 == pytest.approx(cost, rel=3e-7)
