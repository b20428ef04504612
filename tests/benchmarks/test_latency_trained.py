"""A trained run is timed with the decisions that it takes on its own clips."""

import json
import sys

import numpy as np
import pytest

from adafuse_tf.benchmarks import latency
from adafuse_tf.data import Preprocessing, Sampler
from adafuse_tf.export.sample_clips import sample_clips
from adafuse_tf.training import ModelDir
from adafuse_tf.training.checkpoints import save_weights
from adafuse_tf.training.config_loading import load_config, save_config
from tests.inference.test_gated import LAST18, build
from tests.training.conftest import write_records

FRAMES, SIZE, LABELS, CALLS = 3, 32, tuple("abcde"), 4
PREPROCESSING = Preprocessing(FRAMES, SIZE + 4, SIZE)


@pytest.fixture
def records(tmp_path):
    return write_records(tmp_path / "records", {"validation": 1}, LABELS)


def make_run(records, monkeypatch, preset, **options):
    """The folder of a run beside its records, and its model."""
    run = ModelDir(records.parent / "my")
    run.path.mkdir()
    sizes = f"{{num_frames: {FRAMES}, resize: {SIZE + 4}, crop: {SIZE}}}"
    overrides = [f"task.data_dir={records}", f"task.preprocessing={sizes}"]
    save_config(load_config(overrides=overrides), run.params)
    run.labels.write_text(json.dumps(LABELS))
    model = build.__wrapped__(preset, preprocessing=PREPROCESSING, **options)
    run.checkpoint("last").parent.mkdir()
    save_weights(model, run.checkpoint("last"))
    monkeypatch.setattr("adafuse_tf.training.model_dir.build_model", lambda *_: model)
    # What is replaced here would not be in another process.
    module = sys.modules[latency.run.__module__]  # its function hides it
    monkeypatch.setattr(module, "in_own_process", lambda f, *a: f(*a))
    return run, model


def test_computes_what_the_model_asks_for(records, tmp_path, monkeypatch):
    run, model = make_run(records, monkeypatch, LAST18, gates=("stage4_block1",))
    settings = latency.LatencySettings(
        runtimes=("litert",), threads=(1,), repeats=CALLS, model_dir=str(run.path)
    )
    latency.run(tmp_path / "out", settings, report=lambda line: None)
    values = json.loads((tmp_path / "out" / "latency_trained.json").read_text())
    twin, gated = values["rows"]
    assert (twin["network"], gated["network"]) == ("my dense", "my gated")
    assert gated["mix"] == "as trained" and gated["ms_per_frame"] > 0
    assert gated["twin_speed_up"] > 0 and "maps" in gated

    clips, _ = sample_clips(PREPROCESSING, Sampler(), records, "validation", 2)
    frames = model.preprocessing.normalize(clips.reshape(1, -1, *clips.shape[2:]))
    state, spent = model.initial_state(1), []
    for t in range(CALLS + 1):
        outputs, state = model.step(frames[:, t : t + 1], state)
        spent.append(float(outputs["gmacs"][0]))
    assert len(set(spent)) > 1
    # The first call is not timed.
    assert gated["gmacs_per_frame"] == pytest.approx(np.mean(spent[1:]), rel=1e-5)


def test_without_gates(records, tmp_path, monkeypatch):
    run, _ = make_run(records, monkeypatch, "tsn_resnet18")
    settings = latency.LatencySettings(model_dir=str(run.path))
    with pytest.raises(ValueError, match="nothing to leave out.*model_dir='.*my'"):
        latency.run(tmp_path, settings)
