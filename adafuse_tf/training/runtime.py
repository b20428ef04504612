"""Devices, precision and seeds of a run."""

import contextlib
import functools
from collections.abc import Iterator

import keras
import tensorflow as tf

from adafuse_tf.training.config import RuntimeConfig


def build_strategy(config: RuntimeConfig) -> tf.distribute.Strategy:
    """The strategy that `distribution_strategy` names.

    `mirrored` takes all GPUs of this machine, or its logical CPUs where it has none.
    """
    if config.distribution_strategy == "one_device":
        return tf.distribute.get_strategy()
    devices = tf.config.list_logical_devices("GPU")
    devices = devices or tf.config.list_logical_devices("CPU")
    return _mirrored(tuple(device.name for device in devices))


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    # One per process: a second one would number its collective operations from the
    # start again, and TensorFlow takes them for those of the first.
    return tf.distribute.MirroredStrategy(list(devices))


@contextlib.contextmanager
def precision(config: RuntimeConfig) -> Iterator[None]:
    """Sets the precision of new layers.

    The precision that was set before comes back at the end; layers keep theirs.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.mixed_precision_dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
