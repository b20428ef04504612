"""The gated view gives the results of the dense one."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.inference.gated import GatedView, Mechanism, dense_clip
from adafuse_tf.layers import ACTIONS
from adafuse_tf.models import VideoClassifier

BATCH, FRAMES, SIZE = 2, 6, 32
OUTPUTS = ("logits", "gmacs", "policies")
RNG = np.random.default_rng(0)
CLIPS = RNG.normal(size=(BATCH, FRAMES, SIZE, SIZE, 3)).astype("float32")


LAST18, LAST50 = (f"adafuse_tsm_causal_last_resnet{depth}" for depth in (18, 50))
ONE_GATE = {"gates": ("stage4_block1",)}


@functools.cache
def build(preset=LAST18, **options):
    """A small classifier with all weights and statistics away from their start."""
    options = {"width": 0.125, "hidden_units": 8, "group_size": 16, **options}
    keras.utils.set_random_seed(0)
    model = VideoClassifier.from_preset(preset, 5, **options)
    rng = np.random.default_rng(1)
    for variable in model.variables:
        name = variable.path.rsplit("/", 1)[-1]
        if "policy" in variable.path and name == "kernel":
            variable.assign(rng.normal(size=variable.shape))
        elif name in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 1.5, size=variable.shape))
        elif name in ("beta", "moving_mean"):
            variable.assign(0.1 * rng.normal(size=variable.shape))
        elif "classifier" in variable.path:
            variable.assign(0.1 * rng.normal(size=variable.shape))
    return model


def always(model, scores):
    """Makes every policy take the action with the highest of three scores."""
    for gate in model.gates.values():
        dense = gate.policy.output_dense
        dense.kernel.assign(tf.zeros_like(dense.kernel))
        dense.bias.assign(np.tile(scores, gate.policy.num_decisions))


def assert_same(results, expected):
    np.testing.assert_allclose(
        results["logits"], expected["logits"], rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(results["gmacs"], expected["gmacs"], rtol=1e-5)
    for gate, policy in expected["policies"].items():
        np.testing.assert_array_equal(results["policies"][gate], policy)


def run_clip(model, mechanisms=None, clips=CLIPS):
    view = GatedView(model, mechanisms)
    return tf.function(lambda x: view.clip(x, OUTPUTS), autograph=False)(clips)


@pytest.mark.parametrize(
    ("preset", "options", "mechanism"),
    [
        (LAST18, {}, Mechanism("grouped")),
        (LAST18, ONE_GATE, Mechanism("grouped", 3)),  # a set of three and one of one
        (LAST18, ONE_GATE, Mechanism("dense")),
        (LAST50, ONE_GATE, Mechanism("grouped", 2)),
        (LAST18, {"history": "fused", **ONE_GATE}, Mechanism("grouped")),
        (LAST18, {"history": "fused", **ONE_GATE}, Mechanism("consumer")),
        # Tiles of several groups, some of whose channels are masked.
        (LAST18, {"group_size": 4, **ONE_GATE}, Mechanism(tile=32)),
        (
            LAST18,
            {"group_size": 4, "history": "fused", **ONE_GATE},
            Mechanism(tile=32),
        ),
        (
            LAST18,
            {"actions": ("skip", "keep"), "group_size": 1, **ONE_GATE},
            Mechanism(tile=32),
        ),
        (
            "adafuse_tsn_resnet18",
            {
                "gates": ("stage2_block1", "stage4_block0"),
                "group_size": 4,
                "actions": ("reuse", "keep"),
                "adaptive_range": (0.25, 1.0),
            },
            Mechanism(),
        ),
    ],
)
def test_gated_is_dense(preset, options, mechanism):
    model = build(preset, **options)
    expected = model.with_outputs(*OUTPUTS)(CLIPS)
    taken = [np.argmax(p, -1).ravel() for p in expected["policies"].values()]
    # Otherwise there is nothing to test.
    assert len(np.unique(np.concatenate(taken))) >= 2
    assert_same(run_clip(model, mechanism), expected)


@pytest.mark.parametrize("scores", [(9, 0, 0), (0, 9, 0), (0, 0, 9)])
def test_extreme_policies(scores):
    model = build.__wrapped__(group_size=32, **ONE_GATE)
    always(model, scores)
    expected = model.with_outputs(*OUTPUTS)(CLIPS[:1])
    assert_same(run_clip(model, clips=CLIPS[:1]), expected)


def test_steps_are_the_clip_in_litert(tmp_path):
    """What was reused, late or skipped a frame ago is in the state, and only there."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    model = build(**ONE_GATE)
    view = GatedView(model)
    shapes = view.state_shapes(SIZE, SIZE)
    names = {key: key.replace("/", "__") for key in shapes}

    def run(frames, **state):
        out, new = view.step(frames, {key: state[names[key]] for key in shapes})
        return out | {names[key]: value for key, value in new.items()}

    module = tf.Module()
    module.run = tf.function(run, autograph=False)
    concrete = module.run.get_concrete_function(
        tf.TensorSpec((1, 1, SIZE, SIZE, 3), name="frames"),
        **{names[k]: tf.TensorSpec((1, *s), name=names[k]) for k, s in shapes.items()},
    )
    tf.saved_model.save(module, str(tmp_path), signatures={"step": concrete})
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(tmp_path), signature_keys=["step"]
    )
    content = converter.convert()  # builtin operations only
    runner = interpreter.Interpreter(model_content=content).get_signature_runner()
    state = {names[k]: np.zeros((1, *s), "float32") for k, s in shapes.items()}
    gmacs = 0.0
    for frame in CLIPS[0]:
        out = runner(frames=frame[None, None], **state)
        state = {name: out[name] for name in state}
        gmacs += out["gmacs"]
    expected = model(CLIPS[:1])
    np.testing.assert_allclose(out["logits"], expected["logits"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(gmacs, expected["gmacs"], rtol=1e-5)


def test_dense_clip_is_the_model():
    model = build()
    frames = tf.constant(CLIPS[0])
    logits = dense_clip(GatedView(model).network, frames)
    expected = model(CLIPS[:1])["logits"]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("preset", "options", "message"),
    [
        ("adafuse_tsm_last_resnet18", {}, "needs the next frame"),
        (LAST18, {"consensus": "lstm", "lstm_units": 8}, "averages the logits"),
        (LAST18, {"policy": "threshold"}, "decide before a frame is computed"),
        (LAST18, {"adaptive_range": (0.125, 0.625), "group_size": 32}, "must divide"),
    ],
)
def test_what_cannot_be_gated(preset, options, message):
    with pytest.raises(ValueError, match=message):
        GatedView(build(preset, **options))


def test_called_directly_it_is_compiled_once():
    """One operation at a time it would be many times slower than the dense model."""
    view = GatedView(build(**ONE_GATE))
    state, frame = view.initial_state(1, SIZE, SIZE), CLIPS[:1, :1]
    traced = []
    run = view._run
    view._run = lambda *args: traced.append(1) or run(*args)
    for _ in range(3):
        _, state = view.step(frame, state)
    assert len(traced) == 1


def test_reset_and_half_a_state_as_in_the_classifier():
    model = build(**ONE_GATE)
    view = GatedView(model)
    states = [of.initial_state(2, SIZE, SIZE, dtype="float16") for of in (model, view)]
    reset = [None, np.array([True, False])]
    for t, start in enumerate(reset):
        results = []
        for number, of in enumerate((model, view)):
            out, states[number] = of.step(CLIPS[:, t : t + 1], states[number], start)
            results.append(out)
        expected, found = results
        np.testing.assert_allclose(found["logits"], expected["logits"], atol=1e-3)
        np.testing.assert_allclose(found["gmacs"], expected["gmacs"], rtol=1e-5)
    half = {key for key, value in states[1].items() if value.dtype == "float16"}
    assert half == {key for key, value in states[1].items() if len(value.shape) == 4}
    anew = view.clip(CLIPS[:1, 1:2])["logits"]
    np.testing.assert_allclose(found["logits"][:1], anew, rtol=1e-4, atol=1e-4)


def test_wrong_input():
    view = GatedView(build(**ONE_GATE))
    state = view.initial_state(1, SIZE, SIZE)
    frame = tf.zeros((1, 1, SIZE, SIZE, 3))
    with pytest.raises(ValueError, match=r"frames \[B, k, H, W, 3\]"):
        view.step(frame[0], state)
    with pytest.raises(ValueError, match="another model, batch or frame size"):
        view.step(tf.zeros((1, 1, 64, 64, 3)), state)
    with pytest.raises(TypeError, match="must be uint8 frames.*int32"):
        view.step(tf.cast(frame, "int32"), state)
    with pytest.raises(ValueError, match="`window` must be a positive integer"):
        view.initial_state(1, window=0)
    with pytest.raises(ValueError, match="`height` must be a positive integer"):
        view.initial_state(1, 0)
    with pytest.raises(ValueError, match="`dtype` must be one of.*int8"):
        view.initial_state(1, dtype="int8")
    with pytest.raises(TypeError, match="must be a dict.*NoneType"):
        view.step(frame, None)
    with pytest.raises(TypeError, match="must hold floats.*int32"):
        view.step(frame, {k: tf.cast(v, "int32") for k, v in state.items()})
    with pytest.raises(ValueError, match="`reset` must be 1 booleans"):
        view.step(frame, state, np.zeros(2, bool))
    with pytest.raises(ValueError, match="`outputs` must be among"):
        view.step(frame, state, outputs=("frame_logits",))
    with pytest.raises(ValueError, match="`mechanisms` must name the gates"):
        GatedView(build(), {"stage1_block0": Mechanism()})
    with pytest.raises(ValueError, match="`tile` must be a multiple"):
        GatedView(build(), Mechanism(tile=24)).initial_state(1, SIZE, SIZE)
    with pytest.raises(ValueError, match="`kind` must be one of"):
        Mechanism("fast")


def test_drawn_actions_are_taken():
    model = build(**ONE_GATE)
    groups = {gate: p.groups for gate, p in GatedView(model).gates.items()}
    drawn = {g: RNG.integers(0, 3, size=(4, n)) for g, n in groups.items()}
    view = GatedView(model, drawn=drawn)
    policies = view.clip(CLIPS[:1], ("policies",))["policies"]
    for gate, actions in drawn.items():
        size = view.gates[gate].group_size
        wanted = np.eye(len(ACTIONS))[np.repeat(actions[[0, 1, 2, 3, 0, 1]], size, 1)]
        np.testing.assert_array_equal(policies[gate][0], wanted)
