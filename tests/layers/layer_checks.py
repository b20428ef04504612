"""What every layer must keep to."""

import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf


def symbolic(shape):
    """A symbolic tensor with an unknown batch size."""
    return keras.Input(shape[1:], batch_size=None)


def assert_keeps_the_rules(make, *shapes):
    """Config round trip, `.keras` round trip, and symbolic = real shape and dtype.

    Args:
        make: Makes a fresh layer.
        *shapes: Shapes of its positional inputs.
    """
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=shape).astype("float32") for shape in shapes]
    layer = make()
    outputs = tf.nest.flatten(layer(*inputs))

    clone = type(layer).from_config(layer.get_config())
    assert clone.get_config() == layer.get_config()

    for num_frames in (shapes[0][1], None):
        inner = [(s[0], num_frames, *s[2:]) for s in shapes]
        tensors = [symbolic(s) for s in inner]
        results = tf.nest.flatten(make()(*tensors))
        for real, shape in zip(outputs, results, strict=True):
            assert len(real.shape) == len(shape.shape)
            for a, b in zip(real.shape, shape.shape, strict=True):
                assert b is None or a == b
            assert real.dtype == shape.dtype

    # Of the last ones: any number of frames.
    model = keras.Model(tensors, results)
    with tempfile.TemporaryDirectory() as folder:
        loaded = save_and_load(model, Path(folder))
    for before, after in zip(
        tf.nest.flatten(model(inputs)), tf.nest.flatten(loaded(inputs)), strict=True
    ):
        np.testing.assert_array_equal(before, after)


def save_and_load(model, tmp_path):
    """The model after a round trip through a `.keras` file."""
    model.save(tmp_path / "model.keras")
    return keras.models.load_model(tmp_path / "model.keras")
