"""Costs and sizes as published (Tables 1, 3, 5 and 7 of the paper)."""

import numpy as np
import pytest

from adafuse_tf import costs
from adafuse_tf.models import VideoClassifier

ROWS = (
    # preset, options, classes, GFLOPs per 8-frame clip, million parameters
    ("tsn_resnet18", {}, 174, 14.549860352, 11.266),
    ("tsn_resnet50", {}, 174, 32.881434624, 23.865),
    ("adafuse_tsn_resnet50", {}, 174, 33.378797568, 37.687),
    ("adafuse_tsm_resnet50", {}, 174, 33.378797568, 37.687),
    ("adafuse_tsm_last_resnet50", {}, 174, 33.124753408, 39.083),
    ("adafuse_tsm_last_resnet50", {"hidden_units": 2048}, 174, 33.37, 54.296),
    ("adafuse_tsm_last_resnet50", {"hidden_units": 4096}, 174, 33.86, 84.723),
    ("tsn_resnet18", {}, 27, None, 11.19),
    ("tsn_resnet50", {}, 27, None, 23.56),
)


@pytest.mark.parametrize("preset, options, classes, gflops, parameters", ROWS)
def test_row(preset, options, classes, gflops, parameters):
    model = VideoClassifier.from_preset(preset, classes, **options)
    count = sum(int(np.prod(w.shape)) for w in model.trainable_weights) / 1e6
    assert count == pytest.approx(parameters, abs=0.005)
    if gflops is not None:
        assert 8 * costs.authors_base(model.cost_table) == pytest.approx(
            gflops, abs=0.01
        )


def test_floor_with_everything_skipped():
    model = VideoClassifier.from_preset("adafuse_tsn_resnet50", 174)
    skip = {
        name: np.eye(3, dtype="float32")[np.zeros((1, 8, gate.channels), int)]
        for name, gate in model.gates.items()
    }
    cost = costs.authors_gflops(model.cost_table, skip)
    assert float(cost["upb"]) == pytest.approx(2.3227, abs=1e-4)
    assert float(cost["real"]) == pytest.approx(1.3850, abs=1e-4)


def test_dense_twin_has_no_policy_networks():
    gated = VideoClassifier.from_preset("adafuse_tsm_resnet50", 174)
    plain = VideoClassifier.from_preset("tsm_resnet50", 174)
    assert gated.dense_gmacs(8, 224, 224) == plain.dense_gmacs(8, 224, 224)
