"""Studies: what they read, what they say, and a small one from end to end."""

import json
import os

import pytest

from adafuse_tf.experiments import read_study, run_study
from adafuse_tf.experiments.study import STUDIES_DIR
from adafuse_tf.experiments.summary import as_markdown, summarise
from adafuse_tf.models import VideoClassifier
from adafuse_tf.training.config_loading import load_config
from adafuse_tf.training.errors import ConfigError
from adafuse_tf.training.run import run_experiment
from tests.training.conftest import write_records


@pytest.fixture
def records(tmp_path):
    return write_records(tmp_path / "records", {"train": 4, "validation": 4})


@pytest.mark.parametrize("name", sorted(path.stem for path in STUDIES_DIR.glob("*")))
def test_every_run_of_a_study_is_a_network(name):
    study = read_study(name)
    for settings in study.runs.values():
        config = load_config(study.experiment, overrides=[json.dumps(settings)])
        model = config.task.model
        assert VideoClassifier.from_preset(model.preset, 8, **model.overrides)


def metrics(top1, gmacs, policy=None, **more):
    cost = {"gmacs_per_clip": gmacs, "dense_gmacs_per_clip": 0.02, "saved": 0.25}
    classes = {"up": top1, "down": 0.0, "unseen": None}
    per_class = {label: {"top1": found} for label, found in classes.items()}
    about = {"policy": policy, "per_class": per_class}
    return {"top1": top1, **about, **cost, **more}


def test_mean_and_spread():
    mix = {"keep": 0.5, "reuse": 0.1, "skip": 0.4}
    sampled = {"top1_sampled": 0.6, "gmacs_per_clip_sampled": 0.012}
    rows = summarise(
        {
            "plain": [metrics(0.5, 0.02), metrics(0.7, 0.02)],
            "gated": [metrics(0.8, 0.01, mix, **sampled)],
        }
    )
    assert rows[0]["top1"]["mean"] == pytest.approx(0.6)
    assert rows[0]["top1"]["std"] == pytest.approx(0.1 * 2**0.5)
    assert rows[0]["keep"] is None and rows[1]["top1"]["std"] is None
    assert rows[0]["per_class"]["up"] == rows[0]["top1"]
    assert rows[0]["per_class"]["down"]["values"] == [0.0, 0.0]
    assert rows[0]["per_class"]["unseen"] is None
    assert as_markdown(rows).splitlines()[2:] == [
        "| plain | 60.0 ± 14.1 % | 20.00 ± 0.00 | 75.0 ± 0.0 % | – | – | – |",
        "| gated | 80.0 % | 10.00 | 75.0 % | 50% / 10% / 40% | 60.0 % | 60.0 % |",
    ]


def test_a_study_runs_and_goes_on(
    records, tmp_path, capfd, monkeypatch, tiny_model, clips_in_memory
):
    monkeypatch.setattr(
        "adafuse_tf.experiments.run.run_side_by_side",
        lambda jobs: {name: job() for name, job in jobs.items()},
    )
    study = tmp_path / "small.yaml"
    study.write_text(
        "title: t\nexperiment: demo\nseeds: [0, 1]\nbaselines: [Plain]\nruns:\n"
        "  Plain: {task.model.preset: dense}\n  AdaFuse: {}\n"
    )
    overrides = [
        f"task.data_dir={records},trainer.epochs=2",
        "task.train_data.batch_size=4,task.validation_data.batch_size=4",
        "task.preprocessing={num_frames: 4, resize: 16, crop: 16}",
    ]
    text = run_study(str(study), tmp_path / "runs", tmp_path / "out", overrides)
    page = (tmp_path / "out" / "small.md").read_text()
    assert page == f"{text}\n" and "trainer.epochs=2" in page
    assert (tmp_path / "out" / "small.png").stat().st_size > 5000
    found = json.loads((tmp_path / "out" / "small.json").read_text())
    assert found["seeds"] == [0, 1] and found["overrides"] == overrides
    assert found["runs"]["Plain"] == {"task.model.preset": "dense"}
    for row in found["rows"]:
        folders = [
            tmp_path / "runs" / f"{row['run'].lower()}_{seed}" for seed in (0, 1)
        ]
        measured = [json.loads((f / "metrics.json").read_text()) for f in folders]
        assert row["top1"]["values"] == [m["top1"] for m in measured]
        assert row["gmacs"]["values"] == [m["gmacs_per_clip"] for m in measured]
    assert "![Top-1 over MMACs per clip](small.png)" in page

    def again():
        capfd.readouterr()
        out = tmp_path / "out"
        assert run_study(str(study), tmp_path / "runs", out, overrides) == text
        return capfd.readouterr().err.count("Already trained")

    assert again() == 0  # nothing is measured twice
    (tmp_path / "runs" / "plain_0" / "metrics.json").unlink()
    old = tmp_path / "runs" / "plain_1" / "metrics.json"
    os.utime(old, (0, 0))
    best = tmp_path / "runs" / "adafuse_0" / "metrics.json"
    best.write_text(best.read_text().replace('"last"', '"best"'))
    assert again() == 3
    assert again() == 0
    plain = tmp_path / "runs" / "plain_0"
    elsewhere = write_records(tmp_path / "elsewhere", {"validation": 1, "train": 1})
    run_experiment("eval", plain, overrides=[f"task.data_dir={elsewhere}"])
    assert json.loads((plain / "metrics.json").read_text())["num_clips"] == 2
    assert again() == 1  # what was measured on other data is no result of the run


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.epoch=3", "trainer.epoch: .*known key"),
        ("task.data_dir=nowhere", "nowhere"),
        ("task.validation_data.split=exam", "Received: split='exam'"),
    ],
)
def test_wrong_overrides_show_before_anything_runs(
    records, tmp_path, override, message, monkeypatch
):
    monkeypatch.setattr("adafuse_tf.experiments.run.run_side_by_side", None)
    with pytest.raises((ConfigError, FileNotFoundError, ValueError), match=message):
        run_study("groups", tmp_path, tmp_path, [f"task.data_dir={records}", override])


def test_a_study_starts_from_another_experiment(records, tmp_path, monkeypatch):
    jobs = {}

    def note(given):
        jobs.update(given)
        raise KeyboardInterrupt

    monkeypatch.setattr("adafuse_tf.experiments.run.run_side_by_side", note)
    folders = (tmp_path / "runs", tmp_path / "out")
    for experiment in ("fir_action", None):
        with pytest.raises(KeyboardInterrupt):
            run_study("groups", *folders, [f"task.data_dir={records}"], experiment)
        expected = experiment or "demo"
        assert {job.keywords["experiment"] for job in jobs.values()} == {expected}
    with pytest.raises(FileNotFoundError, match="no such experiment.*'nothing'"):
        run_study("groups", *folders, [], "nothing")
    with pytest.raises(ValueError, match="`work_dir`.*'s3://bucket/runs'"):
        run_study("groups", "s3://bucket/runs", tmp_path)


def test_wrong_studies_say_what_is_wrong(tmp_path):
    with pytest.raises(FileNotFoundError, match="'nothing'.*one of: .*methods"):
        read_study("nothing")
    path = tmp_path / "s.yaml"
    good = "title: t\nexperiment: demo\nruns: {a: {}}\n"
    for text, message in (
        ("title: t\nexperiment: demo\n", "s.yaml: runs: is missing"),
        (good + "seed: 1", "s.yaml: seed: .*seeds.*Received: 1"),
        (good + "seeds: [x]", "seeds.0.: must be an integer. Received: 'x'"),
        (good + "baselines: [b]", "Received: .'b'"),
        ("title: t\nexperiment: demo\nruns: {a b: {}, A-b: {}}", "'a b', 'A-b'"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=message):
            read_study(str(path))
