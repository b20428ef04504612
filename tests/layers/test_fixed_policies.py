import numpy as np
import pytest

from adafuse_tf.layers import (
    AdaptiveTemporalFusion,
    KeepPolicy,
    RandomPolicy,
    ThresholdPolicy,
)
from tests.layers.layer_checks import assert_keeps_the_rules

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6, 5, 5, 8)).astype("float32")
Y = np.abs(RNG.normal(size=(4, 6, 5, 5, 32))).astype("float32")


def test_keep_changes_nothing():
    fused, policy = AdaptiveTemporalFusion(KeepPolicy())(X, Y)
    np.testing.assert_array_equal(fused, Y)
    np.testing.assert_array_equal(policy[..., 2], 1)


def test_random_follows_its_ratios_and_its_seed():
    layer = RandomPolicy((0.6, 0.1, 0.3), seed=1)
    policy = np.array(layer(X, Y))
    np.testing.assert_allclose(policy.mean((0, 1, 2)), [0.6, 0.1, 0.3], atol=0.06)
    np.testing.assert_array_equal(policy, layer(X, Y))
    draws = [np.array(layer(X, Y, training=True)) for _ in range(2)]
    assert (draws[0] != draws[1]).any()


def test_random_with_a_certain_action():
    policy = np.array(RandomPolicy((0.0, 1.0, 0.0))(X, Y))
    np.testing.assert_array_equal(policy[..., 1], 1)


def test_threshold_skips_weak_channels():
    weak = Y.copy()
    weak[..., :8] *= 0.01
    policy = np.array(ThresholdPolicy(0.1)(X, weak))
    np.testing.assert_array_equal(policy[..., :8, 0], 1)
    np.testing.assert_array_equal(policy[..., 8:, 2], 1)


@pytest.mark.parametrize("make", (KeepPolicy, RandomPolicy, ThresholdPolicy))
def test_keeps_to_the_rules_of_a_layer(make):
    assert_keeps_the_rules(make, X.shape, Y.shape)
    assert_keeps_the_rules(lambda: AdaptiveTemporalFusion(make()), X.shape, Y.shape)


def test_wrong_options():
    with pytest.raises(ValueError, match="ratios"):
        RandomPolicy((0.5, 0.6, 0.1))
    with pytest.raises(ValueError, match="threshold=2"):
        ThresholdPolicy(2)
    with pytest.raises(ValueError, match="cannot stream"):
        RandomPolicy()(X, Y, state={})
    with pytest.raises(ValueError, match="takes no noise"):
        KeepPolicy()(X, Y, noise=np.zeros((4, 6, 32, 3)))
