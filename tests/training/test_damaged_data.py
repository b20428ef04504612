"""Training on damaged records and broken videos."""

import json

import numpy as np
import pytest

from adafuse_tf import cli, data
from adafuse_tf.training import ConfigError, Experiment, callbacks, evaluate_records
from adafuse_tf.training.run_state import RunState
from tests.data.videos import write_manifest, write_video
from tests.training.conftest import FRAMES, SIZE, settings, write_records

pytestmark = pytest.mark.usefixtures("tiny_model")


@pytest.fixture
def damaged(tmp_path):
    """Records of 16 training clips, of which the last one and a half are cut off."""
    folder = write_records(tmp_path / "records", {"train": 8, "validation": 2})
    (path,) = folder.glob("train-*")
    path.write_bytes(path.read_bytes()[: -int(path.stat().st_size * 1.5 / 16)])
    return folder


def test_training_stops_with_the_name_of_the_file(damaged, tmp_path, capsys):
    with pytest.raises(SystemExit), cli.one_line_errors():
        Experiment(settings(damaged), tmp_path / "run").train()
    (line,) = [x for x in capsys.readouterr().err.splitlines() if "Error" in x]
    (path,) = damaged.glob("train-*")
    assert line.startswith(f"Error: Cannot read {path}: damaged behind clip 14, at")
    assert "(1 files should hold 16)" in line and line.endswith("max_bad=0")


@pytest.mark.filterwarnings("error:Your input ran out")
def test_training_goes_on_without_what_is_lost(damaged, tmp_path, capsys):
    config = settings(damaged, task__max_bad="1")
    run = Experiment(config, tmp_path / "run")
    model = run.train()
    # Epochs of 3 batches of 4 of the 14 clips; what finds no more is no step.
    assert int(model.optimizer.iterations) == 6
    rows = callbacks.read_history(tmp_path / "run" / "metrics.jsonl")
    assert [row["epoch"] for row in rows] == [1, 2]
    for row in rows:
        assert row["train/bad_items"] == 1
        assert row["train/lost_clips"] == 2
        assert row["validation/bad_items"] == 0
        assert np.isfinite(row["train/loss"])
    assert capsys.readouterr().err.count("Skipped ") == 1
    metrics = run.evaluate()
    assert (metrics["num_clips"], metrics["bad_items"]) == (4, 0)
    own = evaluate_records(tmp_path / "run", str(damaged / "train-*"))
    assert (own["num_clips"], own["bad_items"]) == (14, 1)


def test_saving_within_an_epoch_does_not_go_with_leaving_clips_out(damaged, tmp_path):
    config = settings(damaged, task__max_bad="1", trainer__save_every_steps="1")
    with pytest.raises(ConfigError, match="Received: save_every_steps=1, max_bad=1"):
        Experiment(config, tmp_path / "run").train()


def test_an_epoch_without_a_whole_batch(damaged, tmp_path):
    experiment = Experiment(settings(damaged, task__max_bad="1"), tmp_path / "run")
    # As if it went on there, with more that may be damaged.
    state = RunState(experiment.folder.state)
    model, _ = experiment.compiled_model()
    state.save(model, 0, experiment.datasets.steps_per_epoch - 1, write=True)
    with pytest.raises(data.DataError, match="No whole batch.*epoch 1"):
        experiment.train()
    assert not callbacks.read_history(experiment.folder.history)


@pytest.fixture
def videos(tmp_path):
    """A manifest of 8 and 4 videos that get darker or lighter, one of them broken."""
    rows = []
    rng = np.random.default_rng(0)
    for split, count in (("train", 8), ("validation", 4)):
        for k in range(count):
            levels = np.linspace(30, 220, 2 * FRAMES) + rng.uniform(-20, 20)
            levels = levels if k % 2 else levels[::-1]
            frames = np.ones([2 * FRAMES, SIZE, SIZE, 3]) * levels[:, None, None, None]
            name = f"{split}{k}.mp4"
            write_video(tmp_path / "set" / name, frames.astype(np.uint8))
            rows.append((name, "lighter" if k % 2 else "darker", split))
    (tmp_path / "set" / "train5.mp4").write_bytes(b"no video")
    write_manifest(tmp_path / "set" / "manifest.csv", rows)
    return tmp_path / "set"


def test_training_straight_from_videos(videos, tmp_path, capsys):
    changes = {"task__source": "video", "trainer__epochs": "1"}
    changes["task__train_data__cache"] = "true"  # for records; says nothing here
    with pytest.raises(data.DataError, match=r"Cannot read .*train5.mp4.*max_bad=0"):
        Experiment(settings(videos, **changes), tmp_path / "strict").train()
    config = settings(videos, **changes, task__max_bad="1")
    run = Experiment(config, tmp_path / "run")
    assert run.datasets.labels == ("darker", "lighter")
    run.train()
    rows = callbacks.read_history(tmp_path / "run" / "metrics.jsonl")
    assert [row["train/bad_items"] for row in rows] == [1]
    metrics = run.evaluate()
    assert metrics["num_clips"] == 4
    assert json.loads((tmp_path / "run" / "labels.json").read_text()) == [
        "darker",
        "lighter",
    ]
    # The manifest itself is as good as its folder.
    manifest = settings(videos / "manifest.csv", **changes, task__max_bad="1")
    again = Experiment(manifest, tmp_path / "other").datasets.validation()
    assert sum(len(y) for _, y in again) == 4


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"task__train_data__split": "dev"}, ValueError, "splits.*'dev'"),
        ({"task__data_dir": "null"}, ConfigError, "task.data_dir: must be the folder"),
        ({"task__data_dir": "nowhere"}, FileNotFoundError, "nowhere/manifest.csv"),
    ],
)
def test_wrong_video_sources(videos, tmp_path, changes, error, message):
    config = settings(videos, **{"task__source": "video", **changes})
    with pytest.raises(error, match=message):
        Experiment(config, tmp_path / "run").train()
