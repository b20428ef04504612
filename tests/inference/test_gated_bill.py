"""The gated view bills what the classifier bills, gate by gate."""

import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf import costs
from adafuse_tf.export import write_litert
from adafuse_tf.inference import VideoStream, as_exported, open_exported
from adafuse_tf.inference.gated import GatedView, Mechanism
from adafuse_tf.inference.gated.frame_cost import frame_gmacs
from adafuse_tf.inference.gated.policy import decide, keep_all
from adafuse_tf.layers import KEEP, REUSE, SKIP
from tests.export.tiny import camera
from tests.inference.test_gated import BATCH, CLIPS, FRAMES, SIZE, build

OUTPUTS = ("gmacs", "policies")
STAGE4 = {"gates": ("stage4",)}
SMALL = {"resize": SIZE, "crop": SIZE}


@pytest.mark.parametrize(
    "options",
    [
        {"policy": "keep", "gates": "all"},
        {"policy": "keep", "history": "fused", **STAGE4},
        {"gates": "all", "group_size": 1},
        {"gates": "all", "history": "fused", "group_size": 4},
        {"gates": "none"},
        {"actions": ("reuse", "keep"), **STAGE4},
        {"actions": ("skip", "keep"), **STAGE4},
        {"actions": ("reuse", "keep"), "history": "fused", **STAGE4},
        {"actions": ("skip", "keep"), "history": "fused", **STAGE4},
        {"adaptive_range": (0.0, 0.5), **STAGE4},
        {"adaptive_range": (0.0, 0.5), "gates": "all", "group_size": 4},
    ],
    ids=str,
)
def test_steps_cost_what_the_classifier_says(options):
    model = build(**options)
    view = GatedView(model, Mechanism("dense"))
    state, own = (of.initial_state(BATCH, SIZE, SIZE) for of in (model, view))
    spent = np.zeros(BATCH)
    for t in range(FRAMES):
        frames = CLIPS[:, t : t + 1]
        wanted, state = model.step(frames, state, outputs=OUTPUTS)
        found, own = view.step(frames, own, outputs=OUTPUTS)
        np.testing.assert_allclose(found["gmacs"], wanted["gmacs"], rtol=1e-5)
        assert list(found["policies"]) == list(model.gates)
        for gate, policy in wanted["policies"].items():
            np.testing.assert_array_equal(found["policies"][gate], policy)
        spent += found["gmacs"]
    np.testing.assert_allclose(spent, model(CLIPS)["gmacs"], rtol=1e-5)


@pytest.mark.parametrize("policy", ["keep", "learned"])
def test_a_stream_reports_every_gate_of_the_card(policy):
    # Not the cached one: the preprocessing cannot be a key.
    model = build.__wrapped__(policy=policy, preprocessing=SMALL, **STAGE4)
    dense, model = VideoStream(model), as_exported(model, gated=GatedView(model))
    stream = VideoStream(model)
    for frame in camera(3, SIZE, SIZE):
        answer, wanted = stream.push(frame), dense.push(frame)
        assert list(answer.actions) == list(model.card.gates)
        assert answer.gmacs == pytest.approx(wanted.gmacs, rel=1e-5)
        assert answer.policy == pytest.approx(wanted.policy, abs=1e-6)
        if policy == "keep":
            assert answer.policy == {"keep": 1.0, "reuse": 0.0, "skip": 0.0}
        for gate, actions in wanted.actions.items():
            np.testing.assert_array_equal(answer.actions[gate], actions)


def test_a_network_that_keeps_all_in_litert(tmp_path):
    path = tmp_path / "keep.tflite"
    model = build.__wrapped__(policy="keep", preprocessing=SMALL, **STAGE4)
    view = GatedView(model)
    write_litert(model, "abcde", {"float32": path}, num_frames=3, gated=view)
    clip = camera(1, 3, SIZE, SIZE)
    answer = open_exported(path).run("clip", frames=clip)
    gmacs = model.dense_gmacs(3, SIZE, SIZE)
    np.testing.assert_allclose(answer["gmacs"], [gmacs], rtol=1e-6)
    assert answer["keep_share"] == [1.0] and (answer["actions"] == KEEP).all()


def test_gates_that_keep_beside_some_that_decide():
    """The bill has the first gate's operations, too; groups and channels mix."""
    names = list(DECISIONS)
    gmacs = frame_gmacs(TABLE, {**DECISIONS, names[0]: keep_all()}, 13, 9)
    kept = {name: np.full(GROUPS[name], KEEP) for name in names[:1]}
    np.testing.assert_allclose(gmacs, [count({**ACTIONS, **kept})], rtol=1e-6)


# A chain of gates, each between the operations around it: b and c both produce and
# consume. Groups of 2, 1 and 3 channels.
TABLE = (
    costs.conv2d("a", 3, 4, 8, 2, bias=True, produces="g"),
    costs.conv2d("b", 3, 8, 6, 4, consumes="g", produces="h"),
    costs.conv2d("c", 1, 6, 9, 4, consumes="h", produces="i"),
    costs.conv2d("d", 1, 9, 5, 4, consumes="i"),
    costs.conv2d("e", 1, 9, 7, 4, consumes="i"),
    costs.dense("f", 5, 3),
)
GROUPS = {"g": 4, "h": 6, "i": 3}
CHANNELS = {"g": 8, "h": 6, "i": 9}
RNG = np.random.default_rng(0)
ACTIONS = {gate: RNG.integers(0, 3, n) for gate, n in GROUPS.items()}
BEFORE = {gate: RNG.integers(0, 3, n) for gate, n in GROUPS.items()}
DECISIONS = {
    gate: decide(
        tf.one_hot(actions, 3),
        tf.constant(BEFORE[gate] != KEEP),
        fused=gate == "h",
    )
    for gate, actions in ACTIONS.items()
}


def count(actions):
    """GMACs of the frame, one channel at a time."""
    computed, read = {}, {}
    for gate, groups in actions.items():
        repeats = CHANNELS[gate] // GROUPS[gate]
        now, before = (np.repeat(a, repeats) for a in (groups, BEFORE[gate]))
        late = (now == REUSE) & (before != KEEP) & (gate != "h")
        computed[gate] = np.sum((now == KEEP) | late)
        read[gate] = np.sum(now != SKIP)
    big, small = 7 * 5, 4 * 3
    macs = computed["g"] * (9 * 4 + 1) * big
    macs += read["g"] * computed["h"] * 9 * small
    macs += read["h"] * computed["i"] * small
    macs += read["i"] * (5 + 7) * small + 15
    return macs / 1e9


def test_between_two_gates_both_shares_count():
    gmacs = frame_gmacs(TABLE, DECISIONS, 13, 9)
    assert gmacs.shape == (1,) and gmacs.dtype == "float32"
    np.testing.assert_allclose(gmacs, [count(ACTIONS)], rtol=1e-6)
    run = tf.function(lambda: frame_gmacs(TABLE, DECISIONS, 13, 9), autograph=False)
    np.testing.assert_allclose(run(), gmacs, rtol=1e-6)


def test_a_gate_without_a_decision_is_named():
    decisions = {gate: d for gate, d in DECISIONS.items() if gate != "h"}
    with pytest.raises(KeyError, match=r"\['h'\]"):
        frame_gmacs(TABLE, decisions, 13, 9)


def test_few_operations_however_many_gates():
    def operations(names):
        table, decisions = [], {}
        for name in names:
            table += [
                costs.conv2d("a", 3, 4, 8, 2, produces=name),
                costs.conv2d("b", 3, 8, 4, 2, consumes=name),
            ]
            decisions[name] = DECISIONS["g"]
        run = tf.function(lambda: frame_gmacs(table, decisions, 32, 32))
        return len(run.get_concrete_function().graph.get_operations())

    assert operations("abcdefgh") - operations("ab") <= 6 * 4
