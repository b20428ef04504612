"""Tiny records and a tiny model, so that a whole run takes seconds."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf import data
from adafuse_tf.data import dataset_info, records
from adafuse_tf.data.batching.dataset_steps import anew_each_pass
from adafuse_tf.layers import (
    AdaptiveTemporalFusion,
    KeepPolicy,
    LearnedPolicy,
    PerFrame,
)
from adafuse_tf.models import VideoClassifier
from adafuse_tf.training import Experiment, load_config
from adafuse_tf.training.non_finite import StopOnNonFiniteLoss

LABELS = ("darker", "lighter")
SIZE, FRAMES = 16, 4
_CLIPS = {}
SETTINGS = {
    "task.preprocessing": f"{{num_frames: {FRAMES}, resize: {SIZE}, crop: {SIZE}}}",
    "task.train_data.batch_size": "4",
    "task.validation_data.batch_size": "4",
    "task.train_data.augmentation.multi_scale_crop": "[]",
    "trainer.epochs": "2",
    "trainer.dense_warmup": "0",
    "trainer.optimizer.schedule": "constant",
}


def write_records(folder, clips_per_label, labels=LABELS):
    """Videos that get darker or lighter, as records; returns the folder.

    Args:
        clips_per_label: split -> number of clips of each label, or one per label.
        labels: names in the order of their indices; what a clip shows follows its name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    splits = {}
    for split, count in clips_per_label.items():
        name = f"{split}-00000-of-00001.tfrecord"
        counts = count if isinstance(count, tuple) else (count,) * len(labels)
        turns = ((n, index) for n in range(max(counts)) for index in range(len(labels)))
        indices = [index for n, index in turns if n < counts[index]]
        with tf.io.TFRecordWriter(str(folder / name)) as writer:
            for number, index in enumerate(indices):
                levels = np.linspace(30, 220, 2 * FRAMES) + rng.uniform(-20, 20)
                levels = levels[::-1] if labels[index] == "darker" else levels
                frames = (
                    np.ones((2 * FRAMES, SIZE, SIZE, 3)) * levels[:, None, None, None]
                )
                jpegs = [records.encode_frame(f.astype("uint8")) for f in frames]
                writer.write(
                    records.encode_clip(
                        jpegs,
                        label_index=index,
                        label_text=labels[index],
                        media_id=f"{split}/{number}",
                        width=SIZE,
                        height=SIZE,
                    )
                )
        splits[split] = data.SplitInfo(
            len(indices), (name,), dict(zip(labels, counts, strict=True))
        )
    info = data.DatasetInfo(tuple(labels), splits, jpeg_quality=95)
    dataset_info.save_dataset_info(info, folder)
    return folder


@pytest.fixture(scope="session")
def records_dir(tmp_path_factory):
    """8 training and 8 validation clips of two labels."""
    folder = tmp_path_factory.mktemp("records")
    return write_records(folder, {"train": 4, "validation": 4})


def settings(records_dir, **changes):
    """A config for `records_dir`; `changes` has dots as double underscores."""
    values = {**SETTINGS, "task.data_dir": str(records_dir)}
    values.update({key.replace("__", "."): v for key, v in changes.items()})
    return load_config(overrides=[f"{key}={value}" for key, value in values.items()])


def train_until(epoch, config, folder):
    """Trains in a folder and is interrupted when an epoch (from 0) begins."""

    def interrupt(self, current, logs=None):
        if current == epoch:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StopOnNonFiniteLoss, "on_epoch_begin", interrupt)
        with pytest.raises(KeyboardInterrupt):
            Experiment(config, folder).train()


class TinyBackbone(keras.Model):
    """Two convolutions with a gate between them, put together by hand."""

    def __init__(self, channels=8, learned=True, dtype=None):
        def conv(filters, stride, name, activation="relu"):
            padding = "same" if stride == 1 else "valid"
            layer = keras.layers.Conv2D(
                filters, 3, stride, padding, activation=activation, dtype=dtype,
                name=name,
            )  # fmt: skip
            return PerFrame(layer)

        policy = LearnedPolicy(hidden_units=8) if learned else KeepPolicy()
        gate = AdaptiveTemporalFusion(policy, dtype=dtype, name="gate")
        frames = keras.Input((None, None, None, 3), name="frames")
        x = conv(4, 4, "stem")(frames)
        y = conv(channels, 1, "up")(x)
        fused, policy = gate(x, y)
        z = conv(8, 1, "down", None)(fused)
        features = PerFrame(keras.layers.GlobalAveragePooling2D(name="pool"))(z)
        super().__init__(frames, {"features": features, "policies": {"gate": policy}})


def build_tiny(config, num_classes):
    """Stands in for `build_model`; the preset `dense` has nothing to learn."""
    learned = config.task.model.preset != "dense"
    options = config.task.model.overrides
    dtype = config.runtime.mixed_precision_dtype
    backbone = TinyBackbone(options.get("channels", 8), learned, dtype)
    dropout = options.get("dropout", 0.0)
    return VideoClassifier(backbone, num_classes, dropout=dropout, dtype=dtype)


def in_memory(pipeline):
    """A stand-in for `data.clips` that reads the records of a split only once.

    Building a pipeline takes seconds; and every pass gives the same batches, from
    the position on.
    """

    def clips(files, preprocessing, batch_size, training, **options):
        if options.get("names_only"):
            return pipeline(files, preprocessing, 1, training=training, **options)
        key = (tuple(files), training)
        if key not in _CLIPS:
            batches = pipeline(files, preprocessing, 1000, training=training, seed=0)
            _CLIPS[key] = next(iter(batches))
        dataset = tf.data.Dataset.from_tensor_slices(_CLIPS[key])
        if position := options.get("position"):
            dataset = anew_each_pass(dataset.skip, position.clips_behind)
        return dataset.batch(batch_size, drop_remainder=training)

    return clips


@pytest.fixture
def clips_in_memory(monkeypatch):
    """Experiments use `in_memory`."""
    clips = in_memory(data.clips)
    monkeypatch.setattr("adafuse_tf.data.clips", clips)


@pytest.fixture
def tiny_model(monkeypatch):
    """Experiments build `TinyBackbone` instead of a preset."""
    for module in ("experiment", "model_dir"):
        monkeypatch.setattr(f"adafuse_tf.training.{module}.build_model", build_tiny)
