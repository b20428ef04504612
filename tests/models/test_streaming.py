"""Any split of a clip into steps gives the clip's results."""

import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.models import VideoClassifier
from adafuse_tf.models.streaming import state_bytes
from tests.export.tiny import tiny_classifier

RNG = np.random.default_rng(0)
BATCH, FRAMES, SIZE = 3, 7, 32
CLIPS = RNG.normal(size=(BATCH, FRAMES, SIZE, SIZE, 3)).astype("float32")
SMALL = {"width": 0.125, "hidden_units": 8}
OUTPUTS = ("logits", "gmacs", "policies", "frame_logits")


def build(preset="adafuse_tsm_causal_resnet18", **options):
    """A small classifier whose decisions differ between frames and channels."""
    options = {**SMALL, **options} if preset.startswith("adafuse") else options
    if preset.startswith("lstm"):
        options["lstm_units"] = 16
    model = VideoClassifier.from_preset(preset, 5, **{"width": 0.125, **options})
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        if "output" in variable.path and "policy" in variable.path:
            variable.assign(rng.normal(size=variable.shape))
        elif "hidden" in variable.path and "kernel" in variable.path:
            variable.assign(rng.normal(size=variable.shape))
        elif "classifier" in variable.path:
            variable.assign(rng.normal(size=variable.shape) * 0.1)
    return model


def run(model, clips, split, state=None, **options):
    """Runs the parts of a clip; returns the last logits, the cost and all decisions."""
    if state is None:
        state = model.initial_state(len(clips), SIZE, SIZE, **options)
    start, costs, parts = 0, 0.0, []
    for length in split:
        part = clips[:, start : start + length]
        out, state = model.step(part, state, outputs=OUTPUTS)
        costs = costs + out["gmacs"].numpy()
        parts.append(out["policies"])
        start += length
    policies = {
        gate: np.concatenate([np.array(p[gate]) for p in parts], 1) for gate in parts[0]
    }
    return out["logits"].numpy(), costs, policies, state


@pytest.fixture
def eagerly():
    """Most of the time would go into tracing; `test_reset…` runs compiled steps."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize(
    ("preset", "options"),
    [
        ("adafuse_tsn_resnet18", {}),
        ("adafuse_tsn_resnet50", {"history": "fused"}),
        ("adafuse_tsm_causal_resnet18", {}),
        ("adafuse_tsm_causal_resnet18", {"history": "fused", "group_size": 4}),
        ("adafuse_tsm_causal_resnet18", {"actions": ("skip", "keep")}),
        ("adafuse_tsm_causal_last_resnet18", {"consensus": "lstm"}),
        ("adafuse_tsn_resnet18", {"policy": "threshold", "hidden_quota": None}),
        ("lstm_resnet18", {}),
        ("tsm_causal_resnet18", {}),
    ],
)
def test_steps_are_the_clip(preset, options, eagerly):
    model = build(preset, **options)
    expected = model.with_outputs(*OUTPUTS)(CLIPS)
    for gate, policy in expected["policies"].items():
        actions = {a for a in range(3) if np.array(policy)[..., a].any()}
        assert len(actions) >= 2, gate  # else there is nothing to test
    for split in ((1,) * 7, (2, 1, 4)):
        logits, gmacs, policies, _ = run(model, CLIPS, split)
        for gate, policy in expected["policies"].items():
            np.testing.assert_array_equal(policies[gate], policy)
        np.testing.assert_allclose(logits, expected["logits"], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(gmacs, expected["gmacs"], rtol=1e-5)


def test_reset_starts_some_streams_anew():
    model = build()
    _, _, _, state = run(model, CLIPS, (3,))
    reset = np.array([False, True, False])
    out, _ = model.step(CLIPS[:, 3:], state, reset)
    whole, fresh = model(CLIPS)["logits"], model(CLIPS[:, 3:])["logits"]
    for stream, expected in enumerate((whole, fresh, whole)):
        np.testing.assert_allclose(
            out["logits"][stream], expected[stream], rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("window", (1, 3, 20))
def test_windowed_consensus(window, eagerly):
    model = build()
    frame_logits = model.with_outputs("frame_logits")(CLIPS)["frame_logits"].numpy()
    for split in ((7,), (1,) * 7, (2, 5)):
        logits, *_ = run(model, CLIPS, split, window=window)
        expected = frame_logits[:, -window:].mean(1)
        np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_streams_with_several_windows():
    """Compiled once for all, the length of a window would not be known."""
    model = tiny_classifier()
    clip = RNG.normal(size=(1, 4, 16, 16, 3)).astype("float32")
    frame_logits = model.with_outputs("frame_logits")(clip)["frame_logits"].numpy()
    for window in (1, 2, 3):
        out, _ = model.step(clip, model.initial_state(1, window=window))
        expected = frame_logits[:, -window:].mean(1)
        np.testing.assert_allclose(out["logits"], expected, rtol=1e-4, atol=1e-5)


def test_state_keeps_its_form_and_can_be_half_as_large(eagerly):
    model = build()
    full = model.initial_state(BATCH, SIZE, SIZE)
    half = model.initial_state(BATCH, SIZE, SIZE, dtype="float16")
    maps = {k for k, v in full.items() if len(v.shape) == 4}
    assert maps and all(half[k].dtype == "float16" for k in maps)
    saved = sum(2 * np.prod(full[k].shape) for k in maps)
    assert state_bytes(full) - state_bytes(half) == saved
    for state in (full, half):
        *_, new = run(model, CLIPS, (3, 1), state)
        assert {k: (v.shape, v.dtype) for k, v in new.items()} == {
            k: (v.shape, v.dtype) for k, v in state.items()
        }
    exact, *_ = run(model, CLIPS, (2, 5))
    rounded, *_ = run(model, CLIPS, (2, 5), half)
    assert 0 < np.abs(exact - rounded).max() < 0.1 * np.abs(exact).max()


def test_wrong_input_is_named():
    model = build()
    state = model.initial_state(np.int64(BATCH), np.int32(SIZE), SIZE)
    with pytest.raises(ValueError, match="at least one frame"):
        model.step(CLIPS[:, :0], state)
    with pytest.raises(ValueError, match=r"frame\[None, None\]"):
        model.step(CLIPS[0], state)
    with pytest.raises(TypeError, match="must be uint8 frames.*int32"):
        model.step(CLIPS.astype("int32"), state)
    with pytest.raises(ValueError, match="belongs to another model, batch or frame"):
        model.step(CLIPS[:2], state)
    with pytest.raises(ValueError, match="belongs to another model, batch or frame"):
        model.step(CLIPS[:, :, :16, :16], state)
    with pytest.raises(ValueError, match="must have the keys"):
        model.step(CLIPS, build("tsm_causal_resnet18").initial_state(BATCH, SIZE, SIZE))
    wrong = {k: tf.cast(v, "int32") for k, v in state.items()}
    with pytest.raises(TypeError, match="must hold floats"):
        model.step(CLIPS, wrong)
    with pytest.raises(ValueError, match="`reset` must be 3 booleans"):
        model.step(CLIPS, state, np.zeros(3))
    with pytest.raises(ValueError, match="`window`"):
        model.initial_state(BATCH, window=0)
    with pytest.raises(TypeError, match="must be a dict.*NoneType"):
        model.step(CLIPS, None)
    for sizes in ({"height": 0}, {"width": -1}, {"width": 2.5}, {"height": True}):
        with pytest.raises(ValueError, match="must be a positive integer"):
            model.initial_state(BATCH, **sizes)
    for dtype in ("int8", "bfloat16", 16):
        with pytest.raises(ValueError, match="`dtype` must be one of"):
            model.initial_state(BATCH, SIZE, SIZE, dtype=dtype)
    with pytest.raises(ValueError, match="needs the next frame"):
        build("adafuse_tsm_resnet18").initial_state(BATCH, SIZE, SIZE)
