import numpy as np
import pytest

from adafuse_tf.costs import FlopsLoss, MeanGMACs

GMACS = np.array([1.0, 3.0], "float32")


def test_linear_is_the_papers_term():
    assert float(FlopsLoss(0.1)(np.zeros(2), GMACS)) == pytest.approx(0.2)
    loss = FlopsLoss(0.1, reference=4.0)
    assert float(loss(np.zeros(2), GMACS)) == pytest.approx(0.05)


def test_budget_is_zero_at_its_target():
    loss = FlopsLoss(2.0, form="budget", reference=4.0, target=0.25)
    assert float(loss(np.zeros(1), GMACS[:1])) == pytest.approx(0.0)
    assert float(loss(np.zeros(1), GMACS[1:])) == pytest.approx(2.0 * 0.25)


def test_weight_can_be_reassigned():
    loss = FlopsLoss(0.1)
    loss.weight.assign(0.0)
    assert float(loss(np.zeros(2), GMACS)) == 0.0


def test_config_round_trip():
    loss = FlopsLoss(2.0, form="budget", reference=4.0, target=0.25)
    clone = FlopsLoss.from_config(loss.get_config())
    assert float(clone(np.zeros(2), GMACS)) == float(loss(np.zeros(2), GMACS))


@pytest.mark.parametrize(
    "options",
    (
        {"weight": -1},
        {"weight": 1, "form": "cubic"},
        {"weight": 1, "form": "budget"},
        {"weight": 1, "target": 0.5},
        {"weight": 1, "reference": 0},
    ),
)
def test_options_out_of_range(options):
    with pytest.raises(ValueError, match="Received"):
        FlopsLoss(**options)


def test_metric_averages_the_cost():
    metric = MeanGMACs()
    metric.update_state(np.zeros(2), GMACS)
    assert float(metric.result()) == 2.0
