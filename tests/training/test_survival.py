"""What is killed and started again ends as what was left alone; so do two workers."""

import json
import os
import signal

import h5py
import numpy as np
import pytest

from adafuse_tf.training import callbacks
from adafuse_tf.training.run_state import RunState
from tests.training.conftest import write_records
from tests.training.processes import end, start, two_workers

# Rounding differs with the order of additions.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-6}
# The clipping acts in every step.
COMPARABLE = {
    "trainer.optimizer.clip_norm": "0.1",
    "trainer.dense_warmup": "0.5",  # else the gates soon skip all, and clips are alike
}
# What changes from step to step, or is drawn.
VARYING = {
    "trainer.dense_warmup": "0.5",
    "trainer.optimizer.schedule": "cosine",
    "trainer.optimizer.gradient_accumulation_steps": "2",
    "task.model.overrides": "{dropout: 0.5}",
    "task.train_data.augmentation.mixup_alpha": "0.5",
}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """20 clips to learn from, 5 batches of 4."""
    return write_records(tmp_path_factory.mktemp("r"), {"train": 10, "validation": 2})


def same_results(folder, expected):
    rows, expected_rows = (
        callbacks.read_history(path / "metrics.jsonl") for path in (folder, expected)
    )
    assert len(rows) == len(expected_rows) == 2
    for row, expected_row in zip(rows, expected_rows, strict=True):
        assert row.keys() == expected_row.keys()
        for key in row.keys() - {"seconds"}:
            np.testing.assert_allclose(
                row[key], expected_row[key], **TOLERANCE, err_msg=key
            )
    measured, expected_metrics = (
        json.loads((path / "metrics.json").read_text()) for path in (folder, expected)
    )
    assert measured["confusion"] == expected_metrics["confusion"]
    for key in ("loss", "top1_sampled", "gmacs_per_clip"):
        np.testing.assert_allclose(measured[key], expected_metrics[key], **TOLERANCE)
    for name in ("last", "best"):
        found, other = (
            weights(path / "checkpoints" / f"{name}.weights.h5")
            for path in (folder, expected)
        )
        assert found.keys() == other.keys()
        for key in found:
            np.testing.assert_allclose(found[key], other[key], rtol=1e-4, atol=1e-5)
    assert not (folder / "state.h5").exists()


def weights(path):
    found = {}

    def note(name, entry):
        if isinstance(entry, h5py.Dataset):
            found[name] = entry[()]

    with h5py.File(path) as file:
        file.visititems(note)
    return found


def random_step(name):
    """A step of the first 7, by `ADAFUSE_SEED` or a new seed; says how to repeat it."""
    new = np.random.default_rng().integers(2**31)
    seed = int(os.environ.get("ADAFUSE_SEED", new))
    print(f"To repeat {name}: ADAFUSE_SEED={seed}")
    return int(np.random.default_rng(seed).integers(1, 8))


def test_killed_and_terminated_run_ends_alike(records, tmp_path):
    code, said = end(start(records, tmp_path / "undisturbed", VARYING))
    assert code == 0, said
    step = random_step("the killed run")
    kill = [str(int(signal.SIGKILL)), str(step)]
    code, said = end(start(records, tmp_path / "run", VARYING, kill))
    assert code == -signal.SIGKILL, said
    state = RunState(tmp_path / "run" / "state.h5")
    before = state.epoch * 5 + state.step
    assert before <= step <= before + 2
    # Two steps further on, and a signal that leaves time.
    terminate = [str(int(signal.SIGTERM)), "2"]
    code, said = end(start(records, tmp_path / "run", VARYING, terminate))
    assert code == 143, said
    assert "the same command goes on from there" in said.splitlines()[-1]
    after = RunState(tmp_path / "run" / "state.h5")
    assert after.epoch * 5 + after.step - before in (2, 3)
    code, said = end(start(records, tmp_path / "run", VARYING))
    assert code == 0, said
    same_results(tmp_path / "run", tmp_path / "undisturbed")


def test_two_workers_of_which_one_is_killed_equal_one(records, tmp_path, monkeypatch):
    step = random_step("the killed worker")
    kill = [str(int(signal.SIGKILL)), str(step)]
    first, second = two_workers(records, tmp_path / "two", COMPARABLE, kill)
    assert second[0] == -signal.SIGKILL
    assert first[0] not in (0, -signal.SIGKILL)
    assert "start all of them again" in first[1].splitlines()[-1]
    state = RunState(tmp_path / "two" / "state.h5")
    # The other one may have waited for it in the step before.
    before = state.epoch * 5 + state.step
    assert step - 2 <= before <= step
    # One of them is told to leave: both do, after the same step.
    terminate = [str(int(signal.SIGTERM)), "1"]
    for code, said in two_workers(records, tmp_path / "two", COMPARABLE, terminate):
        assert code == 143, said
    after = RunState(tmp_path / "two" / "state.h5")
    assert after.epoch * 5 + after.step - before in (1, 2)
    monkeypatch.setenv("EVALUATE", "1")
    for code, said in two_workers(records, tmp_path / "two", COMPARABLE):
        assert code == 0, said
    code, said = end(start(records, tmp_path / "one", COMPARABLE))
    assert code == 0, said
    same_results(tmp_path / "two", tmp_path / "one")
    expected = json.loads((tmp_path / "one" / "evaluated_0.json").read_text())
    assert np.ptp(expected["logits"], axis=0).min() > 1e-3  # the clips differ
    for worker in (0, 1):
        path = tmp_path / "two" / f"evaluated_{worker}.json"
        found = json.loads(path.read_text())
        assert found["evaluate"].keys() == expected["evaluate"].keys()
        for key, value in expected["evaluate"].items():
            np.testing.assert_allclose(
                found["evaluate"][key], value, **TOLERANCE, err_msg=key
            )
        for key in ("logits", "gmacs"):
            np.testing.assert_allclose(
                found[key], expected[key], rtol=1e-4, atol=1e-5, err_msg=key
            )
