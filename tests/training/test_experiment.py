"""Whole runs on tiny data: files, metrics, resume, refusals."""

import json
import math
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.inference import profile
from adafuse_tf.training import (
    ConfigError,
    Experiment,
    ModelDirError,
    callbacks,
    evaluate_records,
    experiment,
    load_trained,
    run_experiment,
)
from adafuse_tf.training.evaluation import SAMPLING_SEEDS
from tests.training.conftest import FRAMES, SIZE, settings, write_records

pytestmark = pytest.mark.usefixtures("tiny_model", "clips_in_memory")


@pytest.fixture(scope="module")
def trained(records_dir, tmp_path_factory):
    """A folder with two epochs of training on records, and the model that came out."""
    with pytest.MonkeyPatch.context() as patch:
        from tests.training.conftest import build_tiny

        for module in ("experiment", "model_dir"):
            patch.setattr(f"adafuse_tf.training.{module}.build_model", build_tiny)
        folder = tmp_path_factory.mktemp("run")
        config = settings(records_dir, trainer__gumbel__noise_end="0")
        model = Experiment(config, folder).train()
    return folder, config, model


def clips_of(records_dir, config):
    batches = list(Experiment(config, "unused").datasets.validation())
    return [np.concatenate([np.array(b[i]) for b in batches]) for i in (0, 1)]


def test_a_run_leaves_everything_behind(trained):
    folder, config, model = trained
    names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    events = {name for name in names if name.startswith("tensorboard/events")}
    assert len(events) == 1
    assert names - events - {"metrics.json"} == {
        "params.yaml",
        "labels.json",
        "metrics.jsonl",
        "checkpoints/last.weights.h5",
        "checkpoints/best.weights.h5",
    }
    rows = callbacks.read_history(folder / "metrics.jsonl")
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[1]["noise_scale"] == 0.0
    for split in ("train_argmax", "validation"):
        shares = [rows[1][f"{split}/{a}"] for a in ("keep", "reuse", "skip")]
        assert sum(shares) == pytest.approx(1)
    assert {"train/loss", "train/top1", "train/gmacs", "train/flops_loss"} <= set(
        rows[0]
    )


def test_tensorboard_shows_scalars_histograms_and_pictures(trained):
    folder = trained[0]
    events = next((folder / "tensorboard").iterdir())
    found = {}
    for event in tf.compat.v1.train.summary_iterator(str(events)):
        for value in event.summary.value:
            found[value.tag] = value.metadata.plugin_data.plugin_name, value.tensor
    assert found["validation/top1"][0] == "scalars"
    for action in ("skip", "reuse", "keep"):
        plugin, tensor = found[f"gate/{action}"]
        assert plugin == "histograms"
        assert tf.make_ndarray(tensor)[:, 2].sum() == 8  # one count per channel
    plugin, tensor = found["gate/policy"]
    assert plugin == "images"
    width, height = tf.make_ndarray(tensor)[:2]
    assert int(width) == 8 * 8 and int(height) == 8 * FRAMES


def test_loaded_model_is_the_trained_one(trained, records_dir):
    folder, config, model = trained
    loaded, preprocessing, labels = load_trained(folder)
    assert labels == ("darker", "lighter")
    assert preprocessing.crop == SIZE and preprocessing.num_frames == FRAMES
    clips, _ = clips_of(records_dir, config)
    a, b = model.predict(clips, verbose=0), loaded.predict(clips, verbose=0)
    np.testing.assert_allclose(a["logits"], b["logits"], rtol=1e-5, atol=1e-6)


def test_metrics_agree_with_profile(trained, records_dir):
    folder, config, model = trained
    metrics = Experiment(config, folder).evaluate()
    assert metrics == json.loads((folder / "metrics.json").read_text())
    clips, labels = clips_of(records_dir, config)
    expected = profile(model, clips)
    assert metrics["num_clips"] == 8
    assert metrics["top1"] == np.mean(expected.logits.argmax(1) == labels)
    assert metrics["gmacs_per_clip"] == pytest.approx(expected.gmacs.mean())
    assert metrics["policy"] == pytest.approx(expected.policy_mix)
    assert metrics["policy_per_gate"]["gate"] == pytest.approx(expected.shares["gate"])
    dense = model.dense_gmacs(FRAMES, SIZE, SIZE)
    assert metrics["dense_gmacs_per_clip"] == pytest.approx(dense)
    assert metrics["saved"] == pytest.approx(1 - expected.gmacs.mean() / dense)
    sampled = [profile(model, clips, seed=seed) for seed in SAMPLING_SEEDS]
    hits = [np.mean(answer.logits.argmax(1) == labels) for answer in sampled]
    assert metrics["top1_sampled"] == pytest.approx(np.mean(hits))
    gmacs = [answer.gmacs.mean() for answer in sampled]
    assert metrics["gmacs_per_clip_sampled"] == pytest.approx(np.mean(gmacs))
    assert np.sum(metrics["confusion"]) == 8
    assert np.trace(metrics["confusion"]) == round(8 * metrics["top1"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"overrides": ["task.preprocessing.num_frames=2"]}, "num_frames=2, was 4"),
        (
            {"overrides": ["task.model.overrides={width: 0.5},trainer.epochs=7"]},
            r"task.model.overrides.width=0.5, was None; trainer.epochs=7, was 2",
        ),
        ({"experiment": "fir_action"}, "leave the experiment out"),
    ],
)
def test_evaluation_refuses_what_would_not_count(trained, options, message):
    with pytest.raises(ConfigError, match=message) as e:
        run_experiment("eval", trained[0], **options)
    assert "\n" not in str(e.value)


def test_evaluation_on_other_data_in_another_precision(trained, tmp_path, monkeypatch):
    other = write_records(tmp_path, {"train": 0, "test": 2})
    precisions = []
    run = experiment.evaluate

    def evaluate(model, *args, **options):
        precisions.append(model.gates["gate"].compute_dtype)
        return run(model, *args, **options)

    monkeypatch.setattr(experiment, "evaluate", evaluate)
    overrides = [
        f"task.data_dir={other},task.validation_data.split=test",
        "runtime.mixed_precision_dtype=mixed_bfloat16,trainer.epochs=2",
    ]
    metrics = run_experiment("eval", trained[0], overrides=overrides)
    assert metrics["num_clips"] == 4
    assert precisions == ["bfloat16"]


def test_records_with_another_label_order(trained, records_dir, tmp_path):
    folder, config, _ = trained
    own = evaluate_records(folder, str(records_dir / "validation-*"), batch_size=4)
    other = write_records(
        tmp_path / "4", {"train": 0, "validation": 4}, ("lighter", "darker")
    )
    found = evaluate_records(folder, str(other / "validation-*"), batch_size=4)
    assert found["labels"] == own["labels"] == ["darker", "lighter"]
    assert found["per_class"]["darker"]["num_clips"] == 4
    # Other clips of the same kind: brightening must be the same class as before.
    own_share = np.array(own["confusion"]) / own["num_clips"]
    other_share = np.array(found["confusion"]) / found["num_clips"]
    assert np.abs(own_share - other_share).max() < 0.35


def test_clips_count_for_their_label_by_name(trained, tmp_path):
    other = write_records(tmp_path, {"validation": (1, 4)}, ("lighter", "darker"))
    found = evaluate_records(trained[0], str(other / "validation-*"), batch_size=4)
    assert found["labels"] == ["darker", "lighter"]
    assert found["per_class"]["darker"]["num_clips"] == 4
    assert found["per_class"]["lighter"]["num_clips"] == 1
    assert np.sum(found["confusion"], axis=1).tolist() == [4, 1]


def test_records_with_an_unknown_label(trained, tmp_path):
    other = write_records(tmp_path, {"test": 1}, ("darker", "purple"))
    with pytest.raises(ValueError, match="Received: 'purple'"):
        evaluate_records(trained[0], str(other))


def test_finished_run_is_not_trained_again(trained):
    folder, config, _ = trained
    before = (folder / "checkpoints" / "last.weights.h5").read_bytes()
    Experiment(config, folder).train()
    assert (folder / "checkpoints" / "last.weights.h5").read_bytes() == before


def test_folder_of_another_run_is_refused(trained, records_dir):
    config = settings(records_dir, runtime__seed="3")
    with pytest.raises(ConfigError, match=r"runtime.seed=3, was 0"):
        Experiment(config, trained[0]).train()


def test_checkpoint_of_another_architecture(trained):
    folder = trained[0]
    params = folder / "params.yaml"
    text = params.read_text()
    try:
        params.write_text(text.replace("overrides: {}", "overrides: {channels: 16}"))
        with pytest.raises(ModelDirError, match="architecture: .* in the file and"):
            load_trained(folder)
    finally:
        params.write_text(text)


def test_not_a_model_dir(records_dir, tmp_path):
    with pytest.raises(ModelDirError, match="has no params.yaml"):
        load_trained(tmp_path)
    with pytest.raises(ModelDirError, match="has no params.yaml"):
        run_experiment("eval", tmp_path)
    run = Experiment(settings(records_dir), tmp_path)
    run._write_params()
    with pytest.raises(ModelDirError, match="no checkpoint 'best' yet"):
        load_trained(tmp_path, "best")
    with pytest.raises(ValueError, match="checkpoint='newest'"):
        load_trained(tmp_path, "newest")


def test_dense_baseline_has_no_policy(records_dir, tmp_path):
    config = settings(
        records_dir,
        task__model__preset="dense",
        task__label_smoothing="0.1",
        trainer__epochs="1",
    )
    run = Experiment(config, tmp_path)
    run.train()
    metrics = run.evaluate("best")
    assert metrics["checkpoint"] == "best"
    assert metrics["top1_sampled"] is metrics["gmacs_per_clip_sampled"] is None
    assert metrics["saved"] == pytest.approx(0, abs=1e-6)
    assert math.isfinite(metrics["loss"])


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_bar_on_a_terminal(
    records_dir, tmp_path, capsys, monkeypatch, terminal
):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    run = Experiment(settings(records_dir), tmp_path)
    run.train()
    said = capsys.readouterr().out
    steps = run.datasets.steps_per_epoch
    for step in (1, steps):
        assert (f"{step}/{steps}\x1b[0m" in said) is terminal
    assert (said.count("Epoch ") == 2) is terminal


def test_half_precision_and_dense_warmup(records_dir, tmp_path):
    config = settings(
        records_dir,
        runtime__mixed_precision_dtype="mixed_bfloat16",
        trainer__dense_warmup="0.5",
        trainer__keep_lead_after_warmup="0",
        trainer__optimizer__name="adamw",
        trainer__optimizer__gate_learning_rate_multiplier="0.5",
    )
    model = Experiment(config, tmp_path).train()
    rows = callbacks.read_history(tmp_path / "metrics.jsonl")
    assert rows[0]["validation/keep"] == 1.0
    assert rows[1]["train/gmacs"] < rows[0]["train/gmacs"]
    assert model.gates["gate"].compute_dtype == "bfloat16"
    assert load_trained(tmp_path)[0].gates["gate"].compute_dtype == "bfloat16"


def test_accumulation_with_a_scaled_loss(records_dir, tmp_path):
    config = settings(
        records_dir,
        runtime__mixed_precision_dtype="mixed_float16",
        trainer__optimizer__gradient_accumulation_steps="2",
        trainer__epochs="1",
    )
    model = Experiment(config, tmp_path).train()
    assert model.gates["gate"].compute_dtype == "float16"
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    (row,) = callbacks.read_history(tmp_path / "metrics.jsonl")
    assert math.isfinite(row["train/loss"])


def test_xla_learns_what_is_learned_without(records_dir, tmp_path):
    losses = []
    for xla in ("false", "true"):
        config = settings(
            records_dir,
            runtime__enable_xla=xla,
            trainer__gumbel__noise_start="0",
            trainer__epochs="1",
        )
        model = Experiment(config, tmp_path / xla).train()
        assert model.jit_compile == (xla == "true")
        rows = callbacks.read_history(tmp_path / xla / "metrics.jsonl")
        losses.append(rows[0]["train/loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"runtime__enable_xla": "true"}, "enable_xla does not work with several"),
        ({"task__max_bad": "1"}, "max_bad must be 0 with several workers"),
        (
            {"trainer__optimizer__gradient_accumulation_steps": "2"},
            "gradient_accumulation_steps must be 1 with several devices",
        ),
    ],
)
def test_what_does_not_go_with_several_workers(records_dir, changes, message):
    changes["runtime__distribution_strategy"] = "multi_worker_mirrored"
    with pytest.raises(ConfigError, match=message):
        settings(records_dir, **changes)


def test_start_from_other_weights(trained, records_dir, tmp_path):
    folder, _, model = trained
    weights = folder / "checkpoints" / "last.weights.h5"
    other = write_records(tmp_path / "r", {"train": 2}, ("a", "b", "c"))
    config = settings(other, task__model__init_weights=str(weights))
    started, _ = Experiment(config, tmp_path / "run").compiled_model()
    for layer in ("stem", "up", "down"):
        expected = model.backbone.get_layer(layer).get_weights()[0]
        found = started.backbone.get_layer(layer).get_weights()[0]
        np.testing.assert_array_equal(found, expected)
    assert started.num_classes == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task__train_data__batch_size": "9"}, "batch_size: must be at most 8"),
        ({"task__train_data__split": "training"}, "'train', 'validation'"),
        ({"task__data_dir": "null"}, "task.data_dir: must be the folder"),
    ],
)
def test_data_that_does_not_fit(records_dir, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        Experiment(settings(records_dir, **changes), tmp_path).train()
    assert not list(tmp_path.iterdir())
