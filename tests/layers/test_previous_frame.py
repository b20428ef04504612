import numpy as np
import pytest

from adafuse_tf.layers.previous_frame import previous_frame


@pytest.mark.parametrize("num_frames", (1, 2, 5))
def test_shifts_by_one_and_returns_the_last(num_frames):
    x = np.random.default_rng(0).normal(size=(2, num_frames, 3)).astype("float32")
    previous, last = previous_frame(x)
    np.testing.assert_array_equal(previous[:, 0], np.zeros((2, 3)))
    np.testing.assert_array_equal(previous[:, 1:], x[:, :-1])
    np.testing.assert_array_equal(last, x[:, -1])


def test_state_takes_the_first_place():
    x = np.ones((2, 3, 4), "float32")
    state = np.full((2, 4), 7, "float32")
    previous, _ = previous_frame(x, state)
    np.testing.assert_array_equal(previous[:, 0], state)
