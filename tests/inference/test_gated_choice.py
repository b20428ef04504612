"""Which mechanism is chosen, and grouping a model that decides per channel."""

import numpy as np
import pytest

from adafuse_tf.inference.gated import (
    GatedView,
    RuntimeCosts,
    choose_mechanisms,
    gated_view,
    measure_runtime,
    order_channels,
    regroup,
    tile_shares,
)
from tests.inference.test_gated import CLIPS, LAST18, ONE_GATE, SIZE, build

FREE_BRANCHES = RuntimeCosts(wide=0.02, narrow=0.02, megabyte=0.0, branch=0.0)


def choose(mix, costs, model=None):
    lines = []
    chosen = choose_mechanisms(
        model or build(), mix, costs=costs, height=SIZE, width=SIZE,
        report=lines.append,
    )  # fmt: skip
    assert len(lines) == 1 + len(chosen)  # the choice is printed
    return {mechanism.kind for mechanism in chosen.values()}


def test_skips_where_that_pays():
    assert choose((0.7, 0.1, 0.2), FREE_BRANCHES) == {"grouped"}
    dear = RuntimeCosts(wide=0.02, narrow=0.02, megabyte=0.0, branch=1e3)
    assert choose((0.7, 0.1, 0.2), dear) == {"dense"}
    # Nothing to win, and narrow convolutions are slower.
    slow = RuntimeCosts(wide=0.02, narrow=0.03, megabyte=0.01, branch=0.01)
    assert choose((0.0, 0.0, 1.0), slow) == {"dense"}


def test_shares_of_each_gate_count():
    model = build()
    gates = list(model.gates)
    slow = RuntimeCosts(wide=0.02, narrow=0.03, megabyte=0.0, branch=0.0)
    shares = {"skip": 0.0, "reuse": 0.0, "keep": 1.0}  # as in `Profile.shares`
    mix = dict(zip(gates, [shares, (1.0, 0.0, 0.0)], strict=True))
    view = gated_view(
        model, mix, costs=slow, height=SIZE, width=SIZE, report=lambda _: None
    )
    assert [view.mechanisms[gate].kind for gate in gates] == ["dense", "grouped"]


@pytest.mark.parametrize(
    "mix", [(1, 1, 1), (0.5, 0.5), {"stage4_block0": (0, 0, 1)}, {"skip": 1.0}]
)
def test_shares_that_are_none(mix):
    with pytest.raises(ValueError, match="`mix` must give the shares of"):
        choose(mix, FREE_BRANCHES)


def test_unknown_runtime():
    with pytest.raises(ValueError, match="`runtime` must be one of"):
        measure_runtime("onnx")


def test_order_puts_twins_together():
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 3, size=(5, 4, 6))
    twins = np.tile(np.arange(6), 3)  # channel i decides as channel i + 6 and i + 12
    order = order_channels(patterns[..., twins], 3)
    assert sorted(order) == list(range(18))
    for group in twins[order].reshape(6, 3):
        assert len(set(group)) == 1


def test_grouping_channels_that_agree_costs_nothing():
    model = build.__wrapped__(LAST18, group_size=1, share_policies=True)
    for gate in model.gates.values():
        # Channel i decides as channel i + C / 4 and so on.
        for weight in {id(w): w for w in gate.policy.output_dense.weights}.values():
            values = weight.numpy()
            part = values[..., : values.shape[-1] // 4]
            weight.assign(np.concatenate([part] * 4, axis=-1))
    labels = np.zeros(len(CLIPS), "int32")
    grouped, cost = regroup(model, 4, CLIPS, labels)
    assert cost.same_decisions == 1.0 and cost.same_answers == 1.0
    assert cost.logits < 1e-4 and cost.top1[0] == cost.top1[1]
    assert cost.gmacs[0] == pytest.approx(cost.gmacs[1], rel=2e-2)
    assert {p.group_size for p in GatedView(grouped).gates.values()} == {4}


def test_untied_channels_only_change_places():
    model = build(group_size=1, **ONE_GATE)
    ordered, cost = regroup(model, 16, CLIPS, tie=False)
    assert cost.same_decisions == 1.0 and cost.logits < 1e-4
    assert cost.gmacs[0] == pytest.approx(cost.gmacs[1], rel=1e-6)


def test_a_tile_wants_what_any_of_its_channels_wants():
    skip, reuse, keep = range(3)
    actions = np.array([[[skip, skip, skip, keep], [reuse, skip, reuse, keep]]])
    assert tile_shares(actions, 2) == (0.25, 0.25, 0.5)
    assert tile_shares(actions, 1) == (0.5, 0.25, 0.25)


def test_grouping_channels_that_differ_is_measured():
    grouped, cost = regroup(build(group_size=1, **ONE_GATE), 16, CLIPS)
    assert 0.2 < cost.same_decisions < 1.0 and cost.top1 is None
    with pytest.raises(ValueError, match="decide per channel"):
        regroup(grouped, 2, CLIPS)
