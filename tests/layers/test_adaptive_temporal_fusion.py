import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.layers import AdaptiveTemporalFusion, LearnedPolicy, PerFrame
from adafuse_tf.layers.fusion import fuse
from tests.layers import reference
from tests.layers.layer_checks import assert_keeps_the_rules, save_and_load

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 7, 6, 6, 8)).astype("float32")
Y = RNG.normal(size=(2, 7, 3, 3, 16)).astype("float32")
HISTORIES = ("raw", "fused")


def decided(history="raw", **options):
    gate = AdaptiveTemporalFusion(LearnedPolicy(8, **options), history=history)
    gate(X, Y)
    for weight in gate.policy.weights:
        if weight.name in ("kernel", "bias"):
            weight.assign(RNG.normal(size=weight.shape))
    return gate


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("num_frames", (1, 2, 7))
def test_fusion_equals_loops(history, num_frames):
    actions = RNG.integers(0, 3, size=(2, num_frames, 16))
    policy = np.eye(3, dtype="float32")[actions]
    fused, _ = fuse(Y[:, :num_frames], policy, history)
    np.testing.assert_array_equal(
        fused, reference.fuse(Y[:, :num_frames], actions, history)
    )


@pytest.mark.parametrize("history", HISTORIES)
def test_fusion_of_any_number_of_frames_in_one_graph(history):
    anything = tf.TensorSpec((None, None, None, None, 16))
    graph = tf.function(
        lambda y, policy: fuse(y, policy, history)[0],
        input_signature=(anything, tf.TensorSpec((None, None, 16, 3))),
    )
    actions = RNG.integers(0, 3, size=(2, 5, 16))
    fused = graph(Y[:, :5], np.eye(3, dtype="float32")[actions])
    np.testing.assert_array_equal(fused, reference.fuse(Y[:, :5], actions, history))


@pytest.mark.parametrize("history", HISTORIES)
def test_gate_equals_policy_then_fusion(history):
    gate = decided(history)
    fused, policy = gate(X, Y)
    actions = reference.policy(X, gate.policy)
    np.testing.assert_array_equal(np.argmax(policy, -1), actions)
    np.testing.assert_array_equal(fused, reference.fuse(Y, actions, history))


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize(
    "actions", (("skip", "reuse", "keep"), ("reuse", "keep"), ("skip", "keep"))
)
@pytest.mark.parametrize("split", ((1,) * 7, (3, 4), (6, 1)))
def test_stream_equals_clip(history, actions, split):
    gate = decided(history, actions=actions)
    clip, clip_policy = gate(X, Y)
    state = gate.initial_state(2, 3, 3)
    maps, policies, start = [], [], 0
    for length in split:
        part = slice(start, start + length)
        before = {k: (v.shape, v.dtype) for k, v in state.items()}
        fused, policy, state = gate(X[:, part], Y[:, part], state=state)
        assert {k: (v.shape, v.dtype) for k, v in state.items()} == before
        maps.append(fused)
        policies.append(policy)
        start += length
    np.testing.assert_array_equal(np.concatenate(policies, 1), clip_policy)
    np.testing.assert_array_equal(np.concatenate(maps, 1), clip)


@pytest.mark.parametrize("history", HISTORIES)
def test_keeps_to_the_rules_of_a_layer(history):
    assert_keeps_the_rules(
        lambda: AdaptiveTemporalFusion(history=history), X.shape, Y.shape
    )


def test_one_frame_is_a_clip():
    gate = decided()
    fused, policy = gate(X[:, :1], Y[:, :1])
    actions = np.argmax(policy, -1)
    np.testing.assert_array_equal(fused, reference.fuse(Y[:, :1], actions, "raw"))


@pytest.mark.parametrize("dtype", ("mixed_bfloat16", "mixed_float16"))
def test_mixed_precision_changes_the_maps_and_not_the_policy(dtype):
    gate = decided()
    half = AdaptiveTemporalFusion(LearnedPolicy(8), dtype=dtype)
    half(X, Y)
    half.set_weights(gate.get_weights())
    fused, policy = half(X, Y)
    assert fused.dtype == half.compute_dtype and policy.dtype == "float32"
    assert half.initial_state(2, 3, 3)["history"].dtype == half.compute_dtype
    state = half.initial_state(2, 3, 3)
    first, _, state = half(X[:, :3], Y[:, :3], state=state)
    assert state["features"].dtype == "float32"
    second, _, _ = half(X[:, 3:], Y[:, 3:], state=state)
    np.testing.assert_array_equal(np.concatenate([first, second], 1), fused)


def test_mixed_precision_hands_the_state_on_unrounded():
    half = AdaptiveTemporalFusion(LearnedPolicy(8), dtype="mixed_bfloat16")
    received = {}
    half(X, Y)
    inner = half.policy.log_probabilities

    def spy(x, state=None, training=None):
        received.update(state)
        return inner(x, state, training)

    half.policy.log_probabilities = spy
    features = np.full((2, 8), 0.123456789, "float32")
    half(X, Y, state={**half.initial_state(2, 3, 3), "features": features})
    np.testing.assert_array_equal(received["features"], features)


def test_saved_model_file_gives_the_same_answers(tmp_path):
    x = keras.Input((None, 6, 6, 8))
    y = PerFrame(keras.layers.Conv2D(16, 3, 2, padding="same"))(x)
    model = keras.Model(x, AdaptiveTemporalFusion(history="fused")(x, y))
    loaded = save_and_load(model, tmp_path)
    for ours, theirs in zip(model(X), loaded(X), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_gradients_reach_policy_and_producer():
    x = keras.Input((7, 6, 6, 8))
    y = PerFrame(keras.layers.Conv2D(16, 3, 2, padding="same", name="producer"))(x)
    fused, _ = AdaptiveTemporalFusion(name="gate")(x, y)
    model = keras.Model(x, keras.layers.GlobalAveragePooling3D()(fused))
    model.compile(keras.optimizers.SGD(1.0), "mse")
    before = [np.array(w) for w in model.trainable_weights]
    model.fit(X, np.ones((2, 16), "float32"), verbose=0)
    moved = {
        w.path for w, b in zip(model.trainable_weights, before, strict=True)
        if np.abs(np.array(w) - b).max() > 0
    }  # fmt: skip
    assert any("producer" in path for path in moved)
    assert any("policy" in path for path in moved)


def test_example_of_the_docstring():
    code = re.search(r"```python\n(.*?)```", AdaptiveTemporalFusion.__doc__, re.S)[1]
    lines = [line.strip() for line in code.strip().splitlines()]
    scope = {"keras": keras, "PerFrame": PerFrame,
             "AdaptiveTemporalFusion": AdaptiveTemporalFusion}  # fmt: skip
    exec("\n".join(lines), scope)
    clips = RNG.normal(size=(2, 8, 32, 32, 3)).astype("float32")
    assert scope["model"](clips).shape == (2, 64)


def test_wrong_use_is_explained():
    with pytest.raises(ValueError, match="history='other'"):
        AdaptiveTemporalFusion(history="other")
    with pytest.raises(TypeError, match="policy='learned'"):
        AdaptiveTemporalFusion(policy="learned")
    with pytest.raises(ValueError, match="`x` must be"):
        AdaptiveTemporalFusion()(X[0], Y)
    with pytest.raises(ValueError, match="same number of frames"):
        AdaptiveTemporalFusion()(X[:, :3], Y)
    gate = decided()
    with pytest.raises(ValueError, match=r"'history'.*\(2, 3, 4, 16\)"):
        gate(X, Y, state=gate.initial_state(2, 3, 4))
    with pytest.raises(ValueError, match="keys"):
        gate(X, Y, state={"history": Y[:, 0]})


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("num_frames", (1, 16, 17, 40))
@pytest.mark.parametrize("known", (True, False))
def test_xla_compiles_training_at_any_length(history, num_frames, known):
    """Forward and gradients are those without XLA, T known when traced or not."""
    rng = np.random.default_rng(0)
    x, y = (
        rng.normal(size=(2, num_frames, *shape)).astype("float32")
        for shape in ((5, 3, 4), (3, 2, 6))
    )
    gate = AdaptiveTemporalFusion(LearnedPolicy(8), history)
    gate(x, y)
    for variable in gate.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    gate.policy.noise_scale.assign(0.0)
    weights = rng.normal(size=y.shape).astype("float32")

    def step(x, y, weights):
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            fused, _ = gate(x, y, training=True)
            loss = tf.reduce_sum(fused * weights)
        variables = [v.value for v in gate.trainable_variables]
        return [fused, *tape.gradient(loss, [x, y, *variables])]

    specs = [
        tf.TensorSpec((None, num_frames if known else None, *a.shape[2:]))
        for a in (x, y, weights)
    ]
    plain, compiled = (
        tf.function(step, input_signature=specs, jit_compile=jit, autograph=False)(
            x, y, weights
        )
        for jit in (False, True)
    )
    for a, b in zip(compiled, plain, strict=True):
        scale = np.abs(b).max() + 1
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * scale)
