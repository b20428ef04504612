import numpy as np
import pytest

from adafuse_tf.layers import AverageConsensus
from adafuse_tf.layers.consensus import MAX_FRAMES

FRAMES = np.random.default_rng(0).normal(3.0, size=(2, 12, 5)).astype("float32")


def run(layer, frames, state, split):
    averages, start = [], 0
    for length in split:
        average, state = layer(frames[:, start : start + length], state=state)
        averages.append(np.array(average))
        start += length
    return averages, state


@pytest.mark.parametrize("split", ((1,) * 12, (5, 7), (12,)))
def test_stream_is_the_average_so_far(split):
    layer = AverageConsensus()
    np.testing.assert_allclose(layer(FRAMES), FRAMES.mean(1), atol=1e-6)
    averages, _ = run(layer, FRAMES, layer.initial_state(2), split)
    for average, end in zip(averages, np.cumsum(split), strict=True):
        np.testing.assert_allclose(average, FRAMES[:, :end].mean(1), atol=1e-6)
    averages, _ = run(layer, FRAMES, layer.initial_state(2, window=4), split)
    for average, end in zip(averages, np.cumsum(split), strict=True):
        last = FRAMES[:, max(0, end - 4) : end]
        np.testing.assert_allclose(average, last.mean(1), atol=1e-6)


@pytest.mark.parametrize("window", (None, 4))
@pytest.mark.parametrize("count", (MAX_FRAMES - 3, 2**24 - 3, 2**30))
def test_a_camera_that_never_stops(window, count):
    """Near the end of what a float32 counts, frames still count as they should."""
    layer = AverageConsensus()
    layer(FRAMES)
    state = layer.initial_state(2, window)
    state["count"] = np.full((2, 1), float(count), "float32")
    mean = np.array([1.0, -2.0, 0.0, 4.0, 3.0])
    if window is None:
        state["sum"] = (count * mean * np.ones((2, 1))).astype("float32")
    else:
        state["window"] = (mean * np.ones((2, 4, 1))).astype("float32")
    new = np.full((2, 12, 5), 50.0, "float32")
    averages, after = run(layer, new, state, (1,) * 6 + (3, 3))
    if window is None:
        # Each frame pulls the average by its share, and never to another number.
        expected = mean + (50.0 - mean) * 12 / MAX_FRAMES
        np.testing.assert_allclose(averages[-1][0] - mean, expected - mean, rtol=0.1)
        assert (np.array(after["count"]) <= MAX_FRAMES).all()
    else:
        np.testing.assert_allclose(averages[-1], 50.0)
        assert (np.array(after["count"]) == 4).all()
    assert all(np.isfinite(average).all() for average in averages)


def test_an_average_follows_after_days():
    """The scene changes: the average does, too, and within as many frames."""
    layer = AverageConsensus()
    layer(FRAMES)
    state = {
        "sum": np.full((1, 5), -1.0 * MAX_FRAMES, "float32"),
        "count": np.full((1, 1), float(MAX_FRAMES), "float32"),
    }
    ones = np.ones((1, MAX_FRAMES // 8, 5), "float32")
    for _ in range(8):
        average, state = layer(ones, state=state)
    # Of eight equal parts the last ones have faded by (1 + 1/8) each.
    expected = 1 - 2 * (8 / 9) ** 8
    np.testing.assert_allclose(average, expected, atol=0.1)
