import numpy as np
import pytest

from adafuse_tf.costs import computed_share, read_share

RNG = np.random.default_rng(0)


def one_hot(actions):
    return np.eye(3, dtype="float32")[actions]


@pytest.mark.parametrize("num_frames", (1, 2, 8))
@pytest.mark.parametrize("history", ("raw", "fused"))
def test_computed_share_counts_channels(num_frames, history):
    actions = RNG.integers(0, 3, size=(3, num_frames, 10))
    expected = np.zeros((3, num_frames))
    for b, t, c in np.ndindex(*actions.shape):
        kept = actions[b, t, c] == 2
        reused = t + 1 < num_frames and actions[b, t + 1, c] == 1
        expected[b, t] += kept or (history == "raw" and reused)
    share = computed_share(one_hot(actions), history)
    np.testing.assert_allclose(share, expected / 10, atol=1e-6)


def test_authors_last_frame_repeats_the_one_before():
    actions = np.array([[[2, 2], [2, 0], [0, 0]]])
    assert computed_share(one_hot(actions))[0, -1] == 0
    assert computed_share(one_hot(actions), last_frame="authors")[0, -1] == 0.5
    single = one_hot(actions[:, :1])
    assert computed_share(single, last_frame="authors")[0, 0] == 1


def test_read_share_counts_what_is_not_skipped():
    actions = RNG.integers(0, 3, size=(3, 4, 10))
    expected = (actions != 0).mean(-1)
    np.testing.assert_allclose(read_share(one_hot(actions)), expected, atol=1e-6)
