import numpy as np
import pytest

from adafuse_tf.training.tally import Tally
from adafuse_tf.training.view_average import ViewAverage

RNG = np.random.default_rng(0)


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize("batch", [1, 4, 6, 7, 100])
def test_is_the_mean_of_probabilities_however_batches_fall(batch):
    num_clips, num_views = 5, 6
    logits = RNG.normal(0, 3, [num_clips * num_views, 4])
    labels = RNG.integers(0, 4, num_clips).repeat(num_views)
    average = ViewAverage(num_views)
    found = []
    for start in range(0, len(labels), batch):
        part = slice(start, start + batch)
        found.append(average.add(labels[part], logits[part]))
    found_labels, found_logs = (np.concatenate(x) for x in zip(*found, strict=True))
    assert found_labels.tolist() == labels[::num_views].tolist()
    for clip in range(num_clips):
        views = range(clip * num_views, (clip + 1) * num_views)
        expected = sum(softmax(logits[view]) for view in views) / num_views
        np.testing.assert_allclose(np.exp(found_logs[clip]), expected, rtol=1e-12)


def test_one_view_changes_no_answer():
    logits = RNG.normal(0, 3, [50, 4]).astype(np.float32).astype(np.float64)
    logits[0, 1] = logits[0, 2] = logits[0].max() + 1  # a tie
    _, found = ViewAverage(1).add(np.zeros(50, int), logits)
    assert found.argmax(1).tolist() == logits.argmax(1).tolist()
    assert found[0, 1] == found[0, 2]
    difference = found - logits
    np.testing.assert_allclose(difference - difference[:, :1], 0, atol=1e-12)


def test_views_of_two_clips_do_not_mix():
    with pytest.raises(ValueError, match="num_views=2, labels=.*0, 1"):
        ViewAverage(2).add(np.array([0, 1]), np.zeros([2, 3]))


def test_a_tally_counts_videos_and_costs_views():
    tally = Tally(2, num_views=2)
    logits = np.log([[0.9, 0.1], [0.3, 0.7], [0.2, 0.8], [0.6, 0.4]])
    policy = {"gate": np.eye(3)[np.full([4, 2, 5], 2)]}
    for part in (slice(0, 3), slice(3, 4)):
        tally.add(
            np.array([1, 1, 1, 1])[part],
            logits[part],
            np.array([1.0, 2.0, 3.0, 4.0])[part],
            {gate: p[part] for gate, p in policy.items()},
        )
    assert (tally.num_clips, tally.num_views) == (2, 4)
    # Means: 0.6 : 0.4 and 0.4 : 0.6.
    assert tally.confusion.tolist() == [[0, 0], [1, 1]]
    assert tally.loss == pytest.approx(-np.log([0.4, 0.6]).mean())
    assert tally.gmacs == 2.5
    assert tally.policy() == {"keep": 1, "reuse": 0, "skip": 0}
