"""Runs that are cut off, or cannot write."""

import contextlib
import errno
import os
import resource
import signal
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.training import Experiment, callbacks
from adafuse_tf.training.checkpoints import save_weights
from adafuse_tf.training.errors import (
    ConfigError,
    ModelDirError,
    NonFiniteLossError,
    WriteError,
)
from adafuse_tf.training.non_finite import StopOnNonFiniteLoss
from adafuse_tf.training.run_state import RunState
from adafuse_tf.training.tally import Tally
from tests.training.conftest import settings, train_until

pytestmark = pytest.mark.usefixtures("tiny_model", "clips_in_memory")


def test_interrupted_run_goes_on(records_dir, tmp_path):
    config = settings(
        records_dir, trainer__epochs="3", trainer__gumbel__noise_end="0.5"
    )

    train_until(2, config, tmp_path)
    before = callbacks.read_history(tmp_path / "metrics.jsonl")
    assert [row["epoch"] for row in before] == [1, 2]
    model = Experiment(config, tmp_path).train()
    rows = callbacks.read_history(tmp_path / "metrics.jsonl")
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[:2] == before
    assert rows[2]["noise_scale"] == pytest.approx(0.5)
    # 2 steps an epoch: the optimizer went on counting.
    assert int(model.optimizer.iterations) == 6
    assert not (tmp_path / "state.h5").exists()


def test_who_goes_on_needs_no_weights_to_start_from(records_dir, tmp_path):
    weights, run = tmp_path / "other" / "last.weights.h5", tmp_path / "run"
    weights.parent.mkdir()
    config = settings(records_dir)
    model, _ = Experiment(config, tmp_path / "new").compiled_model()
    save_weights(model, weights)
    config = settings(records_dir, task__model__init_weights=str(weights))

    train_until(1, config, run)
    weights.unlink()
    Experiment(config, run).train()
    rows = callbacks.read_history(run / "metrics.jsonl")
    assert [row["epoch"] for row in rows] == [1, 2]
    with pytest.raises(FileNotFoundError, match=r"last\.weights\.h5"):
        Experiment(config, tmp_path / "another").train()


@pytest.mark.parametrize("interrupted", [None, 1, 2, 3])
def test_best_is_among_those_whose_gates_decide(
    records_dir, tmp_path, monkeypatch, interrupted
):
    """The dense warm-up counts only until it ends, also for who goes on."""
    config = settings(records_dir, trainer__epochs="4", trainer__dense_warmup="0.5")
    measure, save, best = callbacks.MeasuredMetrics.on_epoch_end, save_weights, []

    def measured(self, epoch, logs=None):
        measure(self, epoch, logs)
        logs["validation/top1"] = [0.9, 0.8, 0.5, 0.4][epoch]
        self.model.epoch = epoch

    def saved(model, path):
        save(model, path)
        if path.name.startswith("best"):
            best.append(model.epoch)

    monkeypatch.setattr(callbacks.MeasuredMetrics, "on_epoch_end", measured)
    monkeypatch.setattr(callbacks, "save_weights", saved)
    if interrupted is not None:
        train_until(interrupted, config, tmp_path)
    Experiment(config, tmp_path).train()
    assert best == [0, 2]


def test_a_run_that_got_nowhere_begins_with_other_settings(records_dir, tmp_path):
    lost = settings(
        records_dir,
        trainer__optimizer__learning_rate="1e30",
        trainer__optimizer__clip_norm="null",
        trainer__epochs="1",
    )
    with pytest.raises(NonFiniteLossError):
        Experiment(lost, tmp_path).train()
    Experiment(settings(records_dir, trainer__epochs="1"), tmp_path).train()
    (row,) = callbacks.read_history(tmp_path / "metrics.jsonl")
    assert np.isfinite(row["train/loss"])


def test_a_run_goes_on_with_what_changes_nothing_learned(records_dir, tmp_path):
    config = settings(records_dir)
    place = (StopOnNonFiniteLoss, "on_epoch_end")
    assert terminated_run(config, tmp_path, place, 1) == []  # saved, not measured
    with pytest.raises(ConfigError, match="another config.*task.max_bad, .*epochs=3"):
        Experiment(settings(records_dir, trainer__epochs="3"), tmp_path).train()
    changes = {"task__max_bad": "1", "trainer__max_bad_steps": "2"}
    Experiment(settings(records_dir, **changes), tmp_path).train()
    rows = callbacks.read_history(tmp_path / "metrics.jsonl")
    assert [row["epoch"] for row in rows] == [1, 2]
    assert "max_bad: 1\n" in (tmp_path / "params.yaml").read_text()


def terminated_run(config, folder, place, calls):
    """Gets SIGTERM in a call of a method, and leaves before there is another one."""
    method, left = getattr(*place), [calls]

    def terminate(*args, **options):
        assert left[0]
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGTERM)
        return method(*args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*place, terminate)
        with pytest.raises(SystemExit, match="143"):
            Experiment(config, folder).train()
    rows = callbacks.read_history(folder / "metrics.jsonl")
    return [row["epoch"] for row in rows]


def test_terminated_before_an_epoch_is_measured(records_dir, tmp_path, capsys):
    config, folder = settings(records_dir), tmp_path / "run"
    model = Experiment(config, tmp_path / "undisturbed").train()
    # Two batches of the training sample, and the first one of the validation.
    assert terminated_run(config, folder, (Tally, "add"), calls=3) == []
    assert "Terminated after epoch 1; the same command" in capsys.readouterr().err
    # The last step of the run.
    step = (StopOnNonFiniteLoss, "on_train_batch_end")
    assert terminated_run(config, folder, step, calls=2) == [1]
    assert "Terminated after epoch 2; the same command" in capsys.readouterr().err
    again = Experiment(config, folder).train()
    for expected, found in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(found, expected)
    rows, expected_rows = (
        [row | {"seconds": 0} for row in callbacks.read_history(path / "metrics.jsonl")]
        for path in (folder, tmp_path / "undisturbed")
    )
    assert rows == expected_rows
    names = ["checkpoints/last.weights.h5", "checkpoints/best.weights.h5"]
    assert all((folder / name).is_file() for name in names)
    assert steps_shown(folder) == [1, 2]
    assert not (folder / "state.h5").exists()


def steps_shown(folder):
    """The steps of a scalar in TensorBoard."""
    return [
        event.step
        for events in sorted((folder / "tensorboard").iterdir())
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
        if value.tag == "validation/top1"
    ]


def test_full_disk_leaves_the_last_good_state(records_dir, tmp_path, monkeypatch):
    config = settings(records_dir, trainer__epochs="3")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill(self, epoch, logs=None):
        if epoch == 1:
            monkeypatch.setattr(h5py.Group, "create_dataset", full)
            monkeypatch.setattr(h5py.Group, "copy", full)

    with monkeypatch.context() as patch:
        patch.setattr(StopOnNonFiniteLoss, "on_epoch_begin", fill)
        message = r"Cannot write .*state.h5: No space left on device\. What"
        with pytest.raises(OSError, match=message) as e:
            Experiment(config, tmp_path).train()
    assert "\n" not in str(e.value)
    monkeypatch.undo()
    assert not list(tmp_path.glob("**/.saving-*"))
    state = RunState(tmp_path / "state.h5")
    assert (state.epoch, state.step) == (1, 0)


@contextlib.contextmanager
def nearly_full_disk(size=10):
    """No file can get longer than so many bytes."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


def test_full_disk_at_a_start_leaves_what_was_there(records_dir, tmp_path):
    run = Experiment(settings(records_dir), tmp_path)
    run._write_params()
    history = tmp_path / "metrics.jsonl"
    history.write_text("".join(f'{{"epoch": {n}, "x": 0.1}}\n' for n in (1, 2, 3)))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    other = Experiment(settings(records_dir, trainer__epochs="9"), tmp_path)
    with nearly_full_disk():
        run._write_params()  # nothing has changed
        assert len(callbacks.cut_history(history, 3)) == 3
        with pytest.raises(WriteError, match="metrics.jsonl: File too large"):
            callbacks.cut_history(history, 1)
        with pytest.raises(WriteError, match="params.yaml: File too large"):
            other._write_params()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert len(callbacks.cut_history(history, 1)) == 1
    assert len(callbacks.read_history(history)) == 1


# h5py tells of it once more when it lets go of the file.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("size", [10, 5_000, 50_000])
def test_full_disk_while_weights_are_written(tmp_path, size):
    """HDF5 notices some of it when a file is closed."""
    model = keras.Sequential([keras.Input((100,)), keras.layers.Dense(300)])
    model.compile("sgd", "mse")
    model.optimizer.build(model.trainable_variables)
    state = RunState(tmp_path / "state.h5")
    state.save(model, 1, 0, write=True)
    save_weights(model, tmp_path / "last.weights.h5")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with nearly_full_disk(size):
        with pytest.raises(WriteError, match=r"state.h5: File too large\. What was"):
            state.save(model, 2, 0, write=True)
        with pytest.raises(WriteError, match=r"weights.h5: File too large\. What was"):
            save_weights(model, tmp_path / "last.weights.h5")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ("run", "run/deeper"))
def test_model_dir_that_is_a_file(records_dir, tmp_path, name):
    (tmp_path / "run").write_text("")
    with pytest.raises(OSError, match="/run is a file; give a folder. Received") as e:
        Experiment(settings(records_dir), tmp_path / name).train()
    assert "\n" not in str(e.value)


def test_model_dir_that_cannot_be_made(records_dir, tmp_path, monkeypatch):
    make = Path.mkdir

    def mkdir(self, *args, **options):
        if self == tmp_path / "run":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        make(self, *args, **options)

    monkeypatch.setattr(Path, "mkdir", mkdir)  # root may do all
    with pytest.raises(WriteError, match="/run: Permission denied") as e:
        Experiment(settings(records_dir), tmp_path / "run").train()
    assert "\n" not in str(e.value)


def test_state_of_another_model_names_the_first_difference(tmp_path):
    def model(units):
        made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
        made.compile(keras.optimizers.SGD(), "mse")
        made.optimizer.build(made.trainable_variables)
        return made

    state = RunState(tmp_path / "state.h5")
    state.save(model(4), 1, 0, write=True)
    state = RunState(tmp_path / "state.h5")
    message = r"kernel has shape \(3, 5\), and \(3, 4\) in the file"
    with pytest.raises(ModelDirError, match=message):
        state.restore(model(5))
    deeper = keras.Sequential([model(4), keras.layers.Dense(1)])
    deeper.compile(keras.optimizers.SGD(), "mse")
    deeper.optimizer.build(deeper.trainable_variables)
    with pytest.raises(ModelDirError, match="4 values for 6 variables"):
        state.restore(deeper)
    state.restore(model(4))
