"""Exports that compute only what is asked for answer as the model does."""

import numpy as np
import pytest

from adafuse_tf.data import Preprocessing
from adafuse_tf.export import measure_agreement, write_litert, write_saved_model
from adafuse_tf.inference import open_exported
from adafuse_tf.inference.gated import GatedView, Mechanism
from tests.export.test_litert import operations
from tests.export.tiny import assert_same, camera, expected
from tests.inference.test_gated import LAST18, ONE_GATE, build

FRAMES, SIZE = 3, 32
LABELS = tuple("abcde")
# Every mechanism, so that one pair of exports tests all.
GATES = ("stage4_block0", "stage4_block1")


@pytest.fixture(scope="module")
def model():
    preprocessing = Preprocessing(FRAMES, SIZE + 4, SIZE)
    return build.__wrapped__(LAST18, preprocessing=preprocessing, gates=GATES)


@pytest.fixture(scope="module")
def view(model):
    kinds = Mechanism("grouped"), Mechanism("consumer", 2)
    return GatedView(model, dict(zip(GATES, kinds, strict=True)))


def test_litert(model, view, tmp_path):
    path = tmp_path / "gated.tflite"
    write_litert(model, LABELS, {"float32": path}, window=2, gated=view)
    found = {name for name, _, _ in operations(path)}
    assert "IF" in found and not found & {"CUSTOM", "DELEGATE"}
    opened = open_exported(path)
    assert opened.inputs["step"]["state_consensus_window"].shape == (1, 2, 5)
    clips = camera(4, FRAMES, SIZE, SIZE)
    for agreement in measure_agreement(model, opened, clips, window=2).values():
        assert agreement.decisions == 1.0 and agreement.probability < 1e-4
        assert agreement.gmacs == pytest.approx(1.0, rel=1e-5)
    whole, state = camera(1, 5, SIZE, SIZE), opened.new_state()
    for t in range(whole.shape[1]):
        answer = opened.run("step", frames=whole[:, t : t + 1], **state)
        state = {name: answer[name] for name in state}
    wanted = frame_logits(model, whole)[-2:].mean(axis=0)
    np.testing.assert_allclose(answer["logits"][0], wanted, rtol=1e-4, atol=1e-4)


def frame_logits(model, frames):
    clips = model.preprocessing.normalize(frames)
    return model.with_outputs("frame_logits")(clips)["frame_logits"][0].numpy()


def test_saved_model(model, view, tmp_path):
    """Any batch, any number of frames, any split."""
    opened = open_exported(write_saved_model(model, LABELS, tmp_path / "1", gated=view))
    clips = camera(2, 4, SIZE + 8, SIZE + 2)
    wanted = expected(model, clips)
    found = opened.run("clip", frames=clips)
    found.pop("labels")
    assert len(np.unique(wanted["actions"])) == 3
    assert_same(found, wanted)
    state, gmacs = opened.run("init_state", streams=np.zeros(2, "int32")), 0.0
    for part in (clips[:, :1], clips[:, 1:]):
        answer = opened.run("step", frames=part, **state)
        state = {name: answer[name] for name in state}
        gmacs += answer["gmacs"]
    np.testing.assert_allclose(answer["logits"], wanted["logits"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(gmacs, wanted["gmacs"], rtol=1e-5)


def test_int8_cannot_be_gated(tmp_path):
    model = build(**ONE_GATE)
    with pytest.raises(ValueError, match="does not support branches.*'int8'"):
        write_litert(
            model, LABELS, {"int8": tmp_path / "x.tflite"}, gated=GatedView(model)
        )
