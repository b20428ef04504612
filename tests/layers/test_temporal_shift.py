import numpy as np
import pytest

from adafuse_tf.layers import TemporalShift
from tests.layers.layer_checks import assert_keeps_the_rules

X = np.random.default_rng(0).normal(size=(2, 5, 4, 4, 16)).astype("float32")


def test_bidirectional_exchanges_two_folds():
    y = np.array(TemporalShift("bidirectional")(X))
    np.testing.assert_array_equal(y[:, :-1, ..., :2], X[:, 1:, ..., :2])
    np.testing.assert_array_equal(y[:, -1, ..., :2], 0)
    np.testing.assert_array_equal(y[:, 1:, ..., 2:4], X[:, :-1, ..., 2:4])
    np.testing.assert_array_equal(y[:, 0, ..., 2:4], 0)
    np.testing.assert_array_equal(y[..., 4:], X[..., 4:])


def test_causal_takes_from_the_past_only():
    y = np.array(TemporalShift("causal")(X))
    np.testing.assert_array_equal(y[:, 1:, ..., :2], X[:, :-1, ..., :2])
    np.testing.assert_array_equal(y[:, 0, ..., :2], 0)
    np.testing.assert_array_equal(y[..., 2:], X[..., 2:])


@pytest.mark.parametrize("split", ((1, 1, 1, 1, 1), (2, 3), (4, 1)))
def test_causal_stream_equals_clip(split):
    layer = TemporalShift("causal")
    clip = layer(X)
    state = layer.initial_state(2, 4, 4)
    parts, start = [], 0
    for length in split:
        y, state = layer(X[:, start : start + length], state=state)
        parts.append(y)
        start += length
    np.testing.assert_array_equal(np.concatenate(parts, 1), clip)


@pytest.mark.parametrize("mode", ("bidirectional", "causal"))
def test_keeps_to_the_rules_of_a_layer(mode):
    assert_keeps_the_rules(lambda: TemporalShift(mode), X.shape)
    assert_keeps_the_rules(lambda: TemporalShift(mode), (2, 1, 4, 4, 8))


def test_wrong_use_is_explained():
    with pytest.raises(ValueError, match="mode='forward'"):
        TemporalShift("forward")
    with pytest.raises(ValueError, match="nothing to shift"):
        TemporalShift()(X[..., :4])
    with pytest.raises(ValueError, match="mode='causal'"):
        TemporalShift()(X, state={"shifted": X[:, 0, ..., :2]})
    layer = TemporalShift("causal")
    layer(X)
    with pytest.raises(ValueError, match=r"'shifted'.*\(2, 4, 4, 3\)"):
        layer(X, state={"shifted": X[:, 0, ..., :3]})
