"""Evaluation over several views of each video."""

import json

import numpy as np
import pytest

from adafuse_tf import data
from adafuse_tf.inference import profile
from adafuse_tf.training import Experiment, evaluate_records
from tests.training.conftest import FRAMES, SIZE, settings, write_records

pytestmark = pytest.mark.usefixtures("tiny_model")
RESIZE = 20


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with a model after an epoch, and its records."""
    folder = tmp_path_factory.mktemp("views")
    records = write_records(folder / "records", {"train": 4, "validation": 3})
    size = f"{{num_frames: {FRAMES}, resize: {RESIZE}, crop: {SIZE}}}"
    with pytest.MonkeyPatch.context() as patch:
        from tests.training.conftest import build_tiny

        for module in ("experiment", "model_dir"):
            patch.setattr(f"adafuse_tf.training.{module}.build_model", build_tiny)
        config = settings(records, task__preprocessing=size, trainer__epochs="1")
        model = Experiment(config, folder / "run").train()
    return folder / "run", records, model, size


def test_metrics_are_those_of_a_loop_over_views(run):
    folder, records, model, size = run
    views = data.Views(2, 3)
    config = settings(
        records,
        task__preprocessing=size,
        trainer__epochs="1",
        task__validation_data__num_clips="2",
        task__validation_data__num_crops="3",
        task__validation_data__batch_size="5",
    )
    metrics = Experiment(config, folder).evaluate()
    assert metrics == json.loads((folder / "metrics.json").read_text())
    dataset = data.clips(
        str(records / "validation-*"),
        data.Preprocessing(FRAMES, RESIZE, SIZE),
        100,
        training=False,
        views=views,
    )
    x, y = next(iter(dataset))
    answer = profile(model, x.numpy())
    probabilities, labels, costs = [], [], []
    for video in range(6):
        total = np.zeros(2)
        for view in range(video * len(views), (video + 1) * len(views)):
            powers = np.exp(answer.logits[view].astype(np.float64))
            total += powers / powers.sum()
        probabilities.append(total / len(views))
        labels.append(int(y[video * len(views)]))
        costs.append(answer.gmacs[video * len(views) :][: len(views)].sum())
    right = [p[label] for p, label in zip(probabilities, labels, strict=True)]
    assert metrics["num_clips"] == 6
    assert metrics["views_per_video"] == 6
    assert metrics["top1"] == np.mean(np.argmax(probabilities, 1) == labels)
    assert metrics["loss"] == pytest.approx(-np.mean(np.log(right)), rel=1e-5)
    assert metrics["gmacs_per_video_all_views"] == pytest.approx(np.mean(costs))
    assert metrics["gmacs_per_clip"] == pytest.approx(np.mean(costs) / 6)
    # Three crops are squares of `resize`, which cost more than `crop` does.
    dense = model.dense_gmacs(FRAMES, RESIZE, RESIZE)
    assert metrics["dense_gmacs_per_clip"] == pytest.approx(dense)


def test_one_clip_and_one_crop_is_plain_evaluation(run):
    folder, records, *_ = run
    path = str(records / "validation-*")
    plain = evaluate_records(folder, path)
    assert evaluate_records(folder, path, num_clips=1, num_crops=1) == plain
    assert plain["views_per_video"] == 1
    assert plain["gmacs_per_video_all_views"] == plain["gmacs_per_clip"]
    ten = evaluate_records(folder, path, batch_size=7, num_crops=10)
    assert ten["num_clips"] == 6 and ten["views_per_video"] == 10
    assert ten["dense_gmacs_per_clip"] == plain["dense_gmacs_per_clip"]


def test_wrong_number_of_crops(run):
    with pytest.raises(ValueError, match="num_crops=2"):
        evaluate_records(run[0], str(run[1]), num_crops=2)
