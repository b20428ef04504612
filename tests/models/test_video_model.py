"""Frames as they come and floats as they should be, through every door."""

import keras
import numpy as np
import pytest

import adafuse_tf
from adafuse_tf.data import Preprocessing
from adafuse_tf.inference import as_exported
from adafuse_tf.inference.gated import GatedView
from adafuse_tf.models import VideoClassifier
from tests.export.tiny import camera

FRAMES, SIZE = 3, 20
BYTES = camera(2, FRAMES, 24, 36)  # of another size than the model's


def normalized(model, frames):
    return np.array([model.preprocessing.evaluate(clip) for clip in frames], "float32")


@pytest.fixture(scope="module")
def model():
    model = VideoClassifier.from_preset(
        "adafuse_tsm_causal_resnet18",
        5,
        width=0.125,
        gates=["stage4"],
        group_size=8,
        dropout=0.0,
        preprocessing=Preprocessing(FRAMES, SIZE + 4, SIZE),
    )
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        if "policy" in variable.path or "classifier" in variable.path:
            variable.assign(rng.normal(size=variable.shape))
    return model


def test_bytes_are_preprocessed_at_every_door(model):
    floats = normalized(model, BYTES)
    wanted = {k: np.array(v) for k, v in model(floats).items()}
    assert np.abs(model(BYTES.astype("float32"))["logits"] - wanted["logits"]).max() > 1

    def same(found):
        for name in ("logits", "gmacs"):
            value = np.array(found[name])
            np.testing.assert_allclose(value, wanted[name], rtol=1e-4, atol=1e-4)

    same(model(BYTES))
    same(model({"frames": BYTES}))
    same(model.predict(BYTES, verbose=0))
    same(model.with_outputs("logits", "gmacs", "policies")(BYTES))
    same(vars(adafuse_tf.profile(model, BYTES)))
    same(as_exported(model, names=["clip"]).run("clip", frames=BYTES))
    frames = keras.Input(BYTES.shape[1:], dtype="uint8")
    same(keras.Model(frames, model(frames))(BYTES))
    view = GatedView(model)
    same(view.clip(BYTES))
    for way in (model, view):
        state = way.initial_state(2)
        first, state = way.step(BYTES[:, :1], state)
        last, _ = way.step(BYTES[:, 1:], state)
        same({"logits": last["logits"], "gmacs": first["gmacs"] + last["gmacs"]})


def test_bytes_train_as_what_they_become(model):
    floats = normalized(model, BYTES)
    losses = []
    for clips in (floats, BYTES):
        twin = keras.models.clone_model(model)
        twin.set_weights(model.get_weights())
        for gate in twin.gates.values():
            gate.policy.noise_scale.assign(0.0)
        twin.compile(keras.optimizers.SGD(0.01))
        losses += [[twin.train_on_batch(clips, np.array([0, 2]))[0] for _ in range(3)]]
    np.testing.assert_allclose(*losses, rtol=1e-4)


def test_xla_takes_bytes_that_need_no_resizing(model):
    twin = keras.models.clone_model(model)
    twin.compile(jit_compile=True)
    assert twin.jit_compile  # no layer stands in its way
    whole = camera(2, FRAMES, SIZE + 4, SIZE + 9)
    assert np.isfinite(twin.train_on_batch(whole, np.array([0, 2]))).all()
    floats = normalized(model, whole)
    wanted = twin(floats)["logits"]
    found = twin.predict(whole, verbose=0)["logits"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="XLA cannot resize.*32 x 36"):
        twin.fit(camera(2, FRAMES, 32, 36), np.array([0, 2]), verbose=0)


@pytest.mark.parametrize("dtype", ("int32", "int64", "bool", "uint16"))
def test_other_numbers_are_refused_at_every_door(model, dtype):
    clips = BYTES.astype(dtype)
    state, view = model.initial_state(2), GatedView(model)
    for call in (
        lambda: model(clips),
        lambda: model.predict(clips, verbose=0),
        lambda: model.step(clips, state),
        lambda: model.with_outputs("logits")(clips),
        lambda: adafuse_tf.profile(model, clips),
        lambda: view.step(clips, view.initial_state(2)),
        lambda: view.clip(clips),
    ):
        with pytest.raises(TypeError, match=f"uint8 frames.*{dtype}"):
            call()


def test_preprocessing_survives_views_and_clones(model, tmp_path):
    numbers = model.preprocessing.to_dict()
    assert numbers == Preprocessing(FRAMES, SIZE + 4, SIZE).to_dict()
    view = model.with_outputs("frame_logits")
    view.save(tmp_path / "view.keras")
    for twin in (
        view,
        keras.models.load_model(tmp_path / "view.keras"),
        keras.models.clone_model(model),
    ):
        assert twin.preprocessing.to_dict() == numbers
