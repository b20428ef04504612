import json

import numpy as np
import pytest
from PIL import Image

from adafuse_tf.training import demo
from adafuse_tf.training.demo import run_demo, table
from adafuse_tf.training.policy_picture import draw_policies

SMALL = "trainer.epochs=2,task.train_data.batch_size=8,task.model.overrides.width=0.125"


def test_the_whole_way_on_a_few_videos(tmp_path, capsys):
    results = run_demo(tmp_path / "demo", 16, 8, overrides=[SMALL])
    assert set(results) == {"TSN", "TSM", "AdaFuse"}
    assert all(metrics["num_clips"] == 8 for metrics in results.values())
    assert results["TSM"]["policy"] is None and results["AdaFuse"]["policy"]
    written = json.loads((tmp_path / "demo" / "results.json").read_text())
    assert written["AdaFuse"]["top1"] == results["AdaFuse"]["top1"]
    assert (tmp_path / "demo" / "results.md").read_text() == table(results) + "\n"
    assert Image.open(tmp_path / "demo" / "policies.png").width > 500
    assert ".mp4: " in capsys.readouterr().out  # the prediction
    left = {path.name for path in (tmp_path / "demo").iterdir()}
    assert left == demo._MADE - {"exported"}


def test_what_is_of_no_demo_is_not_replaced(tmp_path):
    (tmp_path / "records").mkdir()
    (tmp_path / "my_run").mkdir()
    with pytest.raises(FileExistsError, match="of an earlier demo.*with my_run"):
        run_demo(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my_run", "records"]


def test_records_and_a_run_of_somebody_are_not_a_demo(tmp_path):
    for name in ("records", "tsm"):
        (tmp_path / name).mkdir()
    with pytest.raises(FileExistsError, match="with records, tsm"):
        run_demo(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_table_says_what_was_measured():
    gated = {
        "top1": 0.9, "top1_sampled": 0.8, "gmacs_per_clip": 0.0125, "saved": 0.375,
        "policy": {"keep": 0.5, "reuse": 0.1, "skip": 0.4},
    }  # fmt: skip
    plain = {"top1": 0.5, "top1_sampled": None, "gmacs_per_clip": 0.02, "saved": 0.0,
             "policy": None}  # fmt: skip
    rows = table({"TSN": plain, "AdaFuse": gated}).splitlines()
    assert rows[2] == "| TSN | 50.0% | – | 20.0 | 100% | – |"
    assert rows[3] == "| AdaFuse | 90.0% | 80.0% | 12.5 | 62% | 50% / 10% / 40% |"


def test_picture_shows_the_share_of_each_action(tmp_path):
    rng = np.random.default_rng(0)
    policies = {f"stage{s}_block0": rng.integers(0, 3, (4, 16)) for s in (1, 2)}
    shares = {gate: {"skip": 0.2, "reuse": 0.3, "keep": 0.5} for gate in policies}
    frames = rng.integers(0, 255, (4, 16, 16, 3), dtype=np.uint8)
    draw_policies(frames, policies, shares, "title", tmp_path / "p.png")
    pixels = np.asarray(Image.open(tmp_path / "p.png").convert("RGB")).reshape(-1, 3)
    found = {tuple(p) for p in np.unique(pixels, axis=0)}
    assert {(11, 95, 165), (242, 165, 65), (228, 228, 228)} <= found
