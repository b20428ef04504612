import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf import costs

TABLE = (
    costs.conv2d("a", 3, 4, 8, 2, bias=True, produces="g"),
    costs.Operation("a_bn", 0, 16, ((0, ((1, 1, 2),)), (1, ((1, 1, 2),)))),
    costs.conv2d("b", 3, 8, 6, 4, consumes="g", produces="h"),
    costs.conv2d("c", 1, 6, 5, 4, consumes="h"),
    costs.dense("d", 5, 3),
)
RNG = np.random.default_rng(0)
POLICIES = {
    "g": np.eye(3, dtype="float32")[RNG.integers(0, 3, (2, 4, 8))],
    "h": np.eye(3, dtype="float32")[RNG.integers(0, 3, (2, 4, 6))],
}


def count_by_loops(policies, height, width):
    """MACs per frame, one channel at a time."""
    big = -(-height // 2) * -(-width // 2)
    small = -(-height // 4) * -(-width // 4)
    total = np.zeros((2, 4))
    for b, t in np.ndindex(2, 4):
        g_out, h_out = (
            sum(p[b, t, c, 2] or (t < 3 and p[b, t + 1, c, 1]) for c in range(n))
            for p, n in ((policies["g"], 8), (policies["h"], 6))
        )
        g_in = sum(1 - policies["g"][b, t, c, 0] for c in range(8))
        h_in = sum(1 - policies["h"][b, t, c, 0] for c in range(6))
        total[b, t] = (
            g_out * big * (9 * 4 + 1) + g_in * h_out * small * 9
            + h_in * small * 5 + 15
        )  # fmt: skip
    return total


@pytest.mark.parametrize("size", ((16, 16), (13, 9)))
def test_clip_cost_equals_counting(size):
    cost = costs.clip_gmacs(TABLE, POLICIES, *size)
    np.testing.assert_allclose(cost, count_by_loops(POLICIES, *size) / 1e9, rtol=1e-5)


def test_nothing_is_saved_twice():
    skip = {k: np.zeros_like(p) for k, p in POLICIES.items()}
    for policy in skip.values():
        policy[..., 0] = 1
    cost = costs.clip_gmacs(TABLE, skip, 16, 16)
    np.testing.assert_allclose(cost, 15 / 1e9)


def test_the_release_adds_its_savings_up():
    skip = {k: np.zeros_like(p) for k, p in POLICIES.items()}
    for policy in skip.values():
        policy[..., 0] = 1
    authors = costs.authors_gflops(TABLE, skip)
    between = 6 * 9 * 8 * 56 * 56 / 1e9  # the operation between both gates
    outside = (8 * (9 * 4 + 1) * 112 * 112 + 5 * 6 * 56 * 56) / 1e9
    saved = authors["base"] - float(authors["real"])
    np.testing.assert_allclose(saved, outside + 2 * between, rtol=1e-5)
    assert float(authors["real"]) < float(authors["upb"]) < authors["base"]


def test_keeping_all_costs_the_table():
    keep = {k: np.zeros_like(p) for k, p in POLICIES.items()}
    for policy in keep.values():
        policy[..., 2] = 1
    expected = costs.static_gmacs(TABLE, 16, 16)
    np.testing.assert_allclose(
        costs.clip_gmacs(TABLE, keep, 16, 16), expected, rtol=1e-6
    )


def test_a_missing_policy_is_named():
    with pytest.raises(KeyError, match=r"\['h'\]"):
        costs.clip_gmacs(TABLE, {"g": POLICIES["g"]}, 16, 16)


def test_gradient_is_the_saving():
    policy = tf.constant(POLICIES["g"])
    with tf.GradientTape() as tape:
        tape.watch(policy)
        cost = tf.reduce_sum(costs.clip_gmacs(TABLE, {**POLICIES, "g": policy}, 16, 16))
    gradient = tape.gradient(cost, policy).numpy()
    assert (gradient[..., 0] <= 0).all() and (gradient[..., 0] < 0).any()
    assert (gradient[:, -1, :, 2] > 0).all()


def test_layer_is_the_function_summed_over_time():
    frames = np.zeros((2, 4, 13, 9, 3), "float32")
    layer = costs.ClipCost(TABLE)
    expected = np.sum(costs.clip_gmacs(TABLE, POLICIES, 13, 9), 1)
    np.testing.assert_allclose(layer(frames, POLICIES), expected, rtol=1e-6)
    clone = costs.ClipCost.from_config(layer.get_config())
    np.testing.assert_allclose(clone(frames, POLICIES), expected, rtol=1e-6)


def test_layer_without_gates():
    table = [costs.dense("d", 5, 3)]
    cost = costs.ClipCost(table)(np.zeros((2, 4, 8, 8, 3), "float32"), {})
    np.testing.assert_allclose(cost, [60e-9, 60e-9], rtol=1e-6)
