import functools
import json

import pytest

from adafuse_tf.benchmarks import training_step
from adafuse_tf.benchmarks.training_step import TrainingSettings


def test_ratios_are_medians_of_rounds():
    seconds = {"plain": [1, 2, 10], "dense twin": [2, 4, 5], "AdaFuse": [3, 2, 10]}
    rows = training_step.rows_of(18, seconds, dict.fromkeys(seconds, 2**29))
    assert [row["ms"] for row in rows] == [2000, 4000, 3000]
    assert "of_plain" not in rows[0]
    assert rows[1]["of_plain"] == [1.25, 2.0, 2.0]
    assert rows[2]["of_plain"] == [1.0, 1.0, 2.0]
    assert rows[2]["of_twin"] == [1.0, 1.5, 1.75]
    assert rows[2]["ms_of_rounds"] == [3000, 2000, 10000]
    cells = training_step.as_markdown(rows).splitlines()[-1].split(" | ")
    assert cells[2:4] == ["x1.00 (1.00 to 2.00)", "x1.50 (1.00 to 1.75)"]


def test_all_networks_train_and_are_measured(tmp_path, monkeypatch):
    # In this process and each network once: starting and tracing take a minute.
    monkeypatch.setattr(training_step, "in_own_process", lambda f, *args: f(*args))
    build = functools.lru_cache(training_step._make_step)
    monkeypatch.setattr(training_step, "_make_step", build)
    settings = TrainingSettings((18,), 32, num_frames=2, batch_size=2, repeats=1)
    text = training_step.run(str(tmp_path), settings)
    assert (tmp_path / "training.md").read_text() == text + "\n"
    rows = json.loads((tmp_path / "training.json").read_text())["rows"]
    assert len(rows) == 3
    assert all(row["ms"] > 0 and row["gib"] > 0.1 for row in rows)


def test_bad_settings():
    with pytest.raises(ValueError, match="`size` must be >= 1. Received: size=0"):
        TrainingSettings(size=0)
    with pytest.raises(ValueError, match="`depths` must be among .*19"):
        TrainingSettings(depths=("19",))
    assert TrainingSettings(depths=("50",)).depths == (50,)
