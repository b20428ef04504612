"""The ends of the network, where nothing is gated."""

import tensorflow as tf


def run_stem(network, frames):
    """`[N, H, W, 3]` to the input of the first block."""
    x = tf.nn.relu(network.stem(frames))
    # Nothing is negative here, so that padding with zeros changes no maximum.
    x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    return tf.nn.max_pool2d(x, 3, 2, "VALID")


def run_head(network, x):
    """The last block's output `[N, H, W, C]` to logits `[N, K]`."""
    kernel, bias = network.classifier
    return tf.matmul(tf.reduce_mean(x, (1, 2)), tf.constant(kernel)) + bias
