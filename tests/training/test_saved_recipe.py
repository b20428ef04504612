"""A model of a recipe that is saved and loaded elsewhere trains on as if it was not."""

import functools

import keras
import numpy as np
import pytest

from adafuse_tf.models import VideoClassifier
from adafuse_tf.training import Experiment
from tests import fresh_process
from tests.contract import assert_equal
from tests.training.conftest import settings

RECIPE = {
    "task__model": "{preset: adafuse_tsn_resnet18, overrides: {width: 0.125, "
    "gates: [stage1], hidden_units: 8, share_policies: true}}",
    "task__preprocessing": "{num_frames: 2, resize: 32, crop: 32}",
    "task__label_smoothing": "0.1",
    "trainer__epochs": "4",
    "trainer__optimizer": "{learning_rate: 0.05, schedule: step, steps: [0.2, 0.6], "
    "warmup_epochs: 3, weight_decay: 0.01, clip_norm: 0.5, "
    "bias_learning_rate_multiplier: 2.0, gate_learning_rate_multiplier: 0.25}",
}
CLIPS = np.random.default_rng(0).normal(size=[4, 2, 32, 32, 3]).astype("float32")
LABELS = np.array([0, 1, 1, 0])
SHARES = np.array([[1, 0], [0.3, 0.7], [0, 1], [0.6, 0.4]], "float32")


@pytest.fixture
def eager(monkeypatch):
    """Steps that need no tracing, here and where the model is loaded."""
    compile_ = functools.partialmethod(VideoClassifier.compile, run_eagerly=True)
    monkeypatch.setattr(VideoClassifier, "compile", compile_)


def trained(records_dir, labels=LABELS, **changes):
    """The model of an experiment after three steps."""
    keras.utils.set_random_seed(0)
    config = settings(records_dir, **{**RECIPE, **changes})
    model, flops_loss = Experiment(config, "unused").compiled_model()
    flops_loss.weight.assign(0.3)  # as its schedule does
    for _ in range(3):
        model.train_on_batch(CLIPS, labels)
    return model


def check_goes_on(model, fresh, labels=LABELS):
    facts, found = fresh.load(model, [CLIPS], labels)
    assert facts["compiled"] and facts["dtype"] == model.dtype_policy.name
    assert_equal(found, fresh_process.numbers(model, [CLIPS], labels))


@pytest.mark.parametrize("name", ["sgd", "adamw"])
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_every_precision(name, dtype, records_dir, fresh, eager):
    changes = {"trainer__optimizer__name": name}
    changes["runtime__mixed_precision_dtype"] = dtype
    check_goes_on(trained(records_dir, **changes), fresh)


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ({"task__label_smoothing": "0"}, LABELS),
        ({"task__train_data__augmentation__mixup_alpha": "0.2"}, SHARES),
        ({"trainer__optimizer__gradient_accumulation_steps": "2"}, LABELS),
        (
            {
                "trainer__optimizer__gradient_accumulation_steps": "2",
                "trainer__optimizer__name": "adamw",
                "runtime__mixed_precision_dtype": "mixed_float16",
            },
            LABELS,
        ),
        ({"task__flops_loss": "{form: budget, target: 0.4}"}, LABELS),
        ({"trainer__optimizer__schedule": "cosine"}, LABELS),
    ],
    ids=["no smoothing", "mixup", "accumulation", "float16", "budget", "cosine"],
)
def test_every_setting(changes, labels, records_dir, fresh, eager):
    check_goes_on(trained(records_dir, labels, **changes), fresh, labels)


def test_compiled(records_dir, fresh):
    check_goes_on(trained(records_dir), fresh)
