"""Runs that nobody had to train: a folder with fresh weights, and its records."""

import json

import keras
import pytest
import tensorflow as tf

from adafuse_tf import data
from adafuse_tf.layers import PerFrame
from adafuse_tf.models import VideoClassifier
from adafuse_tf.training import ModelDir, evaluate_records, save_config
from adafuse_tf.training.checkpoints import save_weights
from tests.training.conftest import (
    LABELS,
    build_tiny,
    settings,
    write_records,
)


class PlainBackbone(keras.Model):
    """A convolution, and no gate."""

    def __init__(self):
        frames = keras.Input((None, None, None, 3), name="frames")
        x = PerFrame(keras.layers.Conv2D(4, 3, 4, name="stem"))(frames)
        features = PerFrame(keras.layers.GlobalAveragePooling2D(name="pool"))(x)
        super().__init__(frames, {"features": features, "policies": {}})


def build(config, num_classes):
    """Stands in for `build_model`."""
    if config.task.model.preset == "plain":
        return VideoClassifier(PlainBackbone(), num_classes, dropout=0.0)
    return build_tiny(config, num_classes)


def make_run(folder, records, **changes):
    """A `model_dir` with fresh weights."""
    config = settings(records, **changes)
    run = ModelDir(folder)
    run.path.mkdir(parents=True)
    save_config(config, run.params)
    run.labels.write_text(json.dumps(LABELS))
    keras.utils.set_random_seed(1)
    model = build(config, len(LABELS))
    run.checkpoint("last").parent.mkdir()
    save_weights(model, run.checkpoint("last"))
    return folder


def add_metrics(folder, records):
    """Writes what the weights achieve."""
    metrics = evaluate_records(folder, str(records / "validation-*"))
    (folder / "metrics.json").write_text(json.dumps(metrics))


@pytest.fixture(scope="session")
def records(tmp_path_factory):
    """8 validation videos of two labels."""
    folder = tmp_path_factory.mktemp("report") / "records"
    return write_records(folder, {"train": 1, "validation": 4})


@pytest.fixture(scope="package", autouse=True)
def tiny_models():
    """Runs have tiny models, and the clips of records are read only once."""
    read, kept = data.clips, {}

    def clips(
        files, preprocessing, size, training, names_only=False, views=None, **options
    ):
        key = (tuple(data.find_files(files)), names_only, views or data.Views())
        if key not in kept:
            more = {"training": training, "names_only": names_only, "views": views}
            dataset = read(files, preprocessing, 1000, **more)
            dataset = dataset.batch(1000) if names_only else dataset
            kept[key] = next(iter(dataset))
        dataset = tf.data.Dataset.from_tensor_slices(kept[key])
        return dataset if names_only else dataset.batch(size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adafuse_tf.data.clips", clips)
        patch.setattr("adafuse_tf.training.model_dir.build_model", build)
        yield


@pytest.fixture(scope="package")
def run(tiny_models, tmp_path_factory, records):
    """A run with a gate, and two epochs of history."""
    folder = make_run(tmp_path_factory.mktemp("report") / "mine", records)
    add_metrics(folder, records)
    rows = [
        {"epoch": 1, "validation/top1": 0.25, "validation/gmacs": 2e-6,
         "train_argmax/top1": 0.5, **SHARES},
        {"epoch": 2, "validation/top1": 0.75, "validation/gmacs": 1e-6,
         "train_argmax/top1": 1.0, **SHARES},
    ]  # fmt: skip
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "metrics.jsonl").write_text(text)
    return folder


SHARES = {"validation/keep": 0.5, "validation/reuse": 0.25, "validation/skip": 0.25}
