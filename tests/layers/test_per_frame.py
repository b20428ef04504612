import keras
import numpy as np
import pytest

from adafuse_tf.layers import PerFrame
from tests.layers.layer_checks import assert_keeps_the_rules, save_and_load


def test_equals_the_layer_on_every_frame():
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 8, 3)).astype("float32")
    layer = PerFrame(keras.layers.Conv2D(4, 3))
    y = layer(x)
    for t in range(3):
        np.testing.assert_allclose(y[:, t], layer.layer(x[:, t]), atol=1e-5)


def test_keeps_to_the_rules_of_a_layer():
    assert_keeps_the_rules(lambda: PerFrame(keras.layers.Conv2D(4, 3)), (2, 3, 8, 8, 3))
    assert_keeps_the_rules(
        lambda: PerFrame(keras.layers.GlobalAveragePooling2D()), (2, 3, 8, 8, 3)
    )


def test_statistics_are_taken_over_batch_and_time():
    x = np.random.default_rng(0).normal(2, 3, size=(4, 5, 6, 6, 2)).astype("float32")
    y = PerFrame(keras.layers.BatchNormalization())(x, training=True)
    np.testing.assert_allclose(np.mean(y, (0, 1, 2, 3)), 0, atol=1e-3)
    np.testing.assert_allclose(np.std(y, (0, 1, 2, 3)), 1, atol=1e-2)


def test_any_image_size_and_number_of_frames(tmp_path):
    frames = keras.Input((None, None, None, 3))
    model = keras.Model(frames, PerFrame(keras.layers.Conv2D(4, 3))(frames))
    model = save_and_load(model, tmp_path)
    assert model(np.zeros((1, 1, 9, 7, 3))).shape == (1, 1, 7, 5, 4)
    assert model(np.zeros((2, 4, 5, 6, 3))).shape == (2, 4, 3, 4, 4)


def test_rejects_what_is_no_layer():
    with pytest.raises(TypeError, match="must be a Keras layer"):
        PerFrame("conv")
