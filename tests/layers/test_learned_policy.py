import keras
import numpy as np
import pytest

from adafuse_tf.layers import ACTIONS, KEEP, LearnedPolicy
from tests.layers import reference
from tests.layers.layer_checks import assert_keeps_the_rules, save_and_load

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 6, 5, 5, 8)).astype("float32")
Y = RNG.normal(size=(3, 6, 5, 5, 16)).astype("float32")
SETS = (ACTIONS, ("reuse", "keep"), ("skip", "keep"))


def decided(layer):
    """Builds a layer and makes its decisions far from ties."""
    layer(X, Y)
    for weight in layer.weights:
        if weight.name in ("kernel", "bias"):
            weight.assign(RNG.normal(size=weight.shape))
    return layer


@pytest.mark.parametrize("pooling", ("average", "max"))
@pytest.mark.parametrize("actions", SETS)
def test_arg_max_equals_numpy(actions, pooling):
    layer = decided(LearnedPolicy(8, actions=actions, pooling=pooling))
    index = np.argmax(layer(X, Y), -1)
    names = np.array(ACTIONS)[index]
    expected = np.array(actions)[reference.policy(X, layer)]
    np.testing.assert_array_equal(names, expected)
    assert len(np.unique(names)) == len(actions)


def test_groups_share_decisions():
    layer = decided(LearnedPolicy(8, group_size=4))
    policy = np.array(layer(X, Y))
    assert layer.output_dense.units == 4 * 3
    grouped = policy.reshape(3, 6, 4, 4, 3)
    np.testing.assert_array_equal(grouped, grouped[:, :, :, :1].repeat(4, 3))
    np.testing.assert_array_equal(
        grouped[:, :, :, 0].argmax(-1), reference.policy(X, layer)
    )


def test_channels_outside_the_adaptive_range_are_kept():
    layer = decided(LearnedPolicy(8, adaptive_range=(0.25, 0.75)))
    policy = np.array(layer(X, Y))
    assert (policy[..., :4, KEEP] == 1).all() and (policy[..., 12:, KEEP] == 1).all()
    assert 0 < policy[..., 4:12, KEEP].mean() < 1
    np.testing.assert_array_equal(policy.sum(-1), 1)


@pytest.mark.parametrize("actions", SETS)
@pytest.mark.parametrize("split", ((1,) * 6, (2, 4), (5, 1)))
def test_stream_equals_clip(actions, split):
    layer = decided(LearnedPolicy(8, actions=actions))
    state = {k: np.zeros((3, *s[1:])) for k, s in layer.state_shapes.items()}
    parts, start = [], 0
    for length in split:
        part = slice(start, start + length)
        policy, state = layer(X[:, part], Y[:, part], state=state)
        parts.append(policy)
        start += length
    np.testing.assert_array_equal(np.concatenate(parts, 1), layer(X, Y))


def test_samples_in_training_and_not_at_inference():
    layer = decided(LearnedPolicy(8, seed=1))
    still = [np.array(layer(X, Y)) for _ in range(2)]
    np.testing.assert_array_equal(*still)
    moving = [np.array(layer(X, Y, training=True)) for _ in range(2)]
    assert (moving[0] != moving[1]).any()
    layer.noise_scale.assign(0.0)
    quiet = [np.array(layer(X, Y, training=True)) for _ in range(2)]
    np.testing.assert_array_equal(*quiet)


def test_equal_seeds_sample_equally():
    draws = []
    for _ in range(2):
        layer = LearnedPolicy(8, seed=5)
        draws.append(np.array(layer(X, Y, training=True)))
    np.testing.assert_array_equal(*draws)


def test_given_noise_is_added_to_the_log_probabilities():
    layer = decided(LearnedPolicy(8))
    log_p, _ = layer.log_probabilities(X)
    noise = RNG.gumbel(size=log_p.shape).astype("float32")
    expected = np.argmax(log_p + noise, -1)
    np.testing.assert_array_equal(np.argmax(layer(X, Y, noise=noise), -1), expected)
    with pytest.raises(ValueError, match="`noise`"):
        layer(X, Y, noise=noise[:, :, :4])


def test_hidden_width_by_quota():
    layer = LearnedPolicy(hidden_quota=160)
    layer(X, Y)
    assert layer.hidden_dense.units == 10


def test_starts_uniform():
    layer = LearnedPolicy()
    layer(X, Y)
    log_p, _ = layer.log_probabilities(X)
    np.testing.assert_allclose(log_p, np.log(1 / 3), atol=0.01)


@pytest.mark.parametrize("actions", SETS)
def test_keeps_to_the_rules_of_a_layer(actions):
    assert_keeps_the_rules(lambda: LearnedPolicy(4, actions=actions), X.shape, Y.shape)


def test_decides_in_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = LearnedPolicy(4)
        assert layer(X, Y).dtype == "float32"
        assert {str(w.dtype) for w in layer.trainable_weights} == {"float32"}
    finally:
        keras.config.set_dtype_policy("float32")


def test_shared_layers_stay_shared_after_saving(tmp_path):
    hidden, output = keras.layers.Dense(4), keras.layers.Dense(24)
    x, y = keras.Input((6, 5, 5, 4)), keras.Input((6, 5, 5, 8))
    first = LearnedPolicy(hidden_dense=hidden, output_dense=output, name="first")
    second = LearnedPolicy(hidden_dense=hidden, output_dense=output, name="second")
    model = keras.Model([x, y], [first(x, y), second(x, y)])
    loaded = save_and_load(model, tmp_path)
    parts = [loaded.get_layer(name).hidden_dense for name in ("first", "second")]
    assert parts[0] is parts[1]
    np.testing.assert_array_equal(parts[0].kernel, hidden.kernel)


@pytest.mark.parametrize(
    "options",
    (
        {"hidden_units": 0},
        {"hidden_units": 4, "hidden_quota": 8},
        {"actions": ("keep", "skip")},
        {"adaptive_range": (0.5, 0.5)},
        {"pooling": "median"},
        {"group_size": -1},
    ),
)
def test_options_out_of_range(options):
    with pytest.raises(ValueError, match="Received"):
        LearnedPolicy(**options)


def test_group_size_must_divide():
    with pytest.raises(ValueError, match="group_size=5, channels=16"):
        LearnedPolicy(group_size=5)(X, Y)
