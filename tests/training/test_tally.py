"""Metrics of a few clips, worked out by hand."""

import numpy as np
import pytest

from adafuse_tf.training.tally import Tally


def one_hot(actions):
    return np.eye(3, dtype="float32")[np.array(actions)]


def test_batches_add_up():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(20, 7)), rng.integers(0, 7, 20)
    gmacs = rng.uniform(size=20)
    whole, parts = Tally(7), Tally(7)
    whole.add(labels, logits, gmacs, {})
    for part in (slice(0, 3), slice(3, 20)):
        parts.add(labels[part], logits[part], gmacs[part], {})
    assert parts.top1 == whole.top1 == np.mean(logits.argmax(1) == labels)
    in_top5 = [y in np.argsort(-x)[:5] for x, y in zip(logits, labels, strict=True)]
    assert parts.top5 == whole.top5 == np.mean(in_top5)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert parts.loss == pytest.approx(-np.log(p[np.arange(20), labels]).mean())
    assert parts.gmacs == pytest.approx(gmacs.mean())
    np.testing.assert_array_equal(parts.confusion, whole.confusion)


def test_confusion_rows_are_true_classes():
    tally = Tally(2)
    logits = np.array([[1, 0], [1, 0], [1, 0]], float)
    tally.add(np.array([0, 1, 1]), logits, np.ones(3), {})
    assert tally.confusion.tolist() == [[1, 0], [2, 0]]
    assert tally.per_class(["a", "b"]) == {
        "a": {"num_clips": 1, "top1": 1.0},
        "b": {"num_clips": 2, "top1": 0.0},
    }


def test_equal_logits_count_as_the_arg_max_does():
    tally = Tally(8)
    tally.add(np.array([0, 4, 5]), np.zeros((3, 8)), np.ones(3), {})
    assert tally.top1 == pytest.approx(1 / 3)
    assert tally.top5 == pytest.approx(2 / 3)


def test_shares_weigh_gates_by_their_channels():
    tally = Tally(2)
    wide = one_hot([[[2, 2, 2, 2, 2, 2]]])  # one clip, one frame, all kept
    narrow = one_hot([[[0, 1]]])
    tally.add(np.array([0]), np.zeros((1, 2)), np.ones(1), {"w": wide, "n": narrow})
    assert tally.policy() == {"keep": 0.75, "reuse": 0.125, "skip": 0.125}
    assert tally.policy_per_gate()["n"] == {"keep": 0.0, "reuse": 0.5, "skip": 0.5}


def test_shares_per_channel():
    tally = Tally(2)
    for actions in ([[2, 0], [2, 0]], [[1, 0], [2, 0]]):  # [T, C] of two batches
        policies = {"gate": one_hot([actions])}
        tally.add(np.array([0]), np.zeros((1, 2)), np.ones(1), policies)
    shares = tally.policy_per_channel()["gate"]
    np.testing.assert_array_equal(shares[0], [[0, 0.5, 0.5], [1, 0, 0]])
    np.testing.assert_array_equal(shares[1], [[0, 0, 1], [1, 0, 0]])


def test_without_gates_there_is_no_policy():
    tally = Tally(2)
    tally.add(np.array([0]), np.zeros((1, 2)), np.ones(1), {})
    assert tally.policy() is None


def test_spoilt_logits_are_an_error():
    with pytest.raises(ValueError, match="not finite"):
        Tally(2).add(np.array([0]), np.array([[np.nan, 0]]), np.ones(1), {})
