"""Classifiers of every kind keep to Keras' contract."""

import numpy as np
import pytest

from adafuse_tf.layers import ThresholdPolicy
from adafuse_tf.models import VideoClassifier
from tests import contract
from tests.export.tiny import tiny_classifier

RNG = np.random.default_rng(0)
CLIPS = RNG.normal(size=(2, 3, 24, 40, 3)).astype("float32")
LABELS = np.array([1, 3])
KINDS = {
    "TSN": {"gated": False, "shift": "none"},
    "TSM": {"gated": False, "shift": "bidirectional"},
    "LSTM": {"gated": False, "shift": "none", "consensus": "lstm"},
    "AdaFuse": {},
    "fused": {"history": "fused", "shift": "none"},
    "skip or keep": {"actions": ("skip", "keep")},
    "reuse or keep": {"actions": ("reuse", "keep"), "shift": "bidirectional"},
    "groups": {"group_size": 4, "adaptive_range": (0.0, 0.5), "pooling": "max"},
    "keep": {"policy": "keep"},
    "random": {"policy": "random"},
    "own policy": {"policy": ThresholdPolicy(0.2)},
}
PRESETS = {
    "shared": ("adafuse_tsm_causal_resnet18", {"hidden_quota": 2**18}),
    "bottlenecks": ("adafuse_tsm_last_resnet50", {"gates": ["stage4_block1"]}),
}


def decided(model):
    """`model` with decisions far from ties, and logits that are not all alike."""
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        if "policy" in variable.path or "classifier" in variable.path:
            variable.assign(rng.normal(size=variable.shape))
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_classifier(kind, fresh):
    def make(dtype=None):
        return decided(tiny_classifier(dtype=dtype, num_classes=5, **KINDS[kind]))

    contract.check_model(make, [CLIPS], LABELS, fresh, quantizes=True)
    supports = all(layer.supports_jit for layer in make()._flatten_layers())
    assert supports == (kind != "random")


@pytest.mark.parametrize("kind", PRESETS)
def test_presets(kind, fresh):
    preset, options = PRESETS[kind]

    def make():
        return decided(VideoClassifier.from_preset(preset, 5, width=0.125, **options))

    contract.check_training_goes_on(make, [CLIPS], LABELS, fresh)
    contract.check_clone(make(), [CLIPS], LABELS)
