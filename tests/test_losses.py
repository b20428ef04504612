import keras
import numpy as np
import pytest

from adafuse_tf.losses import LabelSmoothingCrossentropy

LOGITS = np.array([[2.0, 0.0, -1.0], [0.5, 1.0, 0.0]], np.float32)
LABELS = np.array([0, 2], np.int32)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_it_is_that_of_one_hot_labels(smoothing, shape):
    expected = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing, reduction="none"
    )(np.eye(3)[LABELS], LOGITS)
    loss = LabelSmoothingCrossentropy(smoothing, reduction="none")
    found = loss(LABELS.reshape(shape), LOGITS)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    mean = LabelSmoothingCrossentropy(smoothing)(LABELS, LOGITS)
    np.testing.assert_allclose(mean, np.mean(expected), rtol=1e-6)


def test_it_comes_back():
    loss = LabelSmoothingCrossentropy(0.3, name="mine", reduction="sum")
    config = keras.saving.serialize_keras_object(loss)
    loaded = keras.saving.deserialize_keras_object(config)
    assert type(loaded) is LabelSmoothingCrossentropy
    assert loaded.get_config() == loss.get_config()


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_smoothing_out_of_range(smoothing):
    with pytest.raises(ValueError, match=f"Received: label_smoothing={smoothing}"):
        LabelSmoothingCrossentropy(smoothing)
