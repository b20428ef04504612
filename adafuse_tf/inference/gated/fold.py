"""A convolution and its batch normalisation as constants."""

import dataclasses
import math

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class FoldedConv:
    """A convolution that needs no normalisation after it.

    Attributes:
        kernel: `[k, k, C, C']` float32.
        bias: `[C']` float32.
        stride: 1 or 2.
    """

    kernel: np.ndarray
    bias: np.ndarray
    stride: int

    def __call__(self, x):
        """`[B, H, W, C]` to `[B, ⌈H / stride⌉, ⌈W / stride⌉, C']`, torch's padding."""
        return convolve(x, self.kernel, self.stride) + self.bias

    def outputs(self, channels):
        """The part that computes these output channels, a slice."""
        return FoldedConv(
            np.ascontiguousarray(self.kernel[..., channels]),
            self.bias[channels],
            self.stride,
        )

    def output_size(self, height, width):
        """`(height, width)` of the output for an input of this size."""
        return -(-height // self.stride), -(-width // self.stride)

    def macs(self, height, width):
        """Multiply-accumulates for an input of `height` x `width` pixels."""
        return math.prod(self.output_size(height, width)) * self.kernel.size


def convolve(x, kernel, stride=1):
    """Convolution with torch's symmetric padding; `kernel` is a NumPy constant.

    A constant, because the runtimes arrange constant filters for speed when they load a
    model, and filters that are tensors in every call.
    """
    padding = "SAME"
    if kernel.shape[0] > 1 and stride > 1:
        # "SAME" pads strided convolutions on one side only.
        p = kernel.shape[0] // 2
        padding = [[0, 0], [p, p], [p, p], [0, 0]]
    return tf.nn.conv2d(x, tf.constant(kernel), stride, padding)


def fold(conv, batch_norm):
    """Folds the moving statistics of a Keras `BatchNormalization` into a `Conv2D`.

    Args:
        conv: `keras.layers.Conv2D` without a bias.
        batch_norm: `keras.layers.BatchNormalization` on its output.

    Returns:
        A `FoldedConv` that computes what the two compute at inference.
    """
    scale, shift = batch_norm_scale(batch_norm)
    kernel = np.float64(conv.kernel.numpy()) * scale
    return FoldedConv(
        kernel.astype("float32"), shift.astype("float32"), conv.strides[0]
    )


def batch_norm_scale(batch_norm):
    """`(scale, shift)` in float64 so that the layer computes `x · scale + shift`."""
    gamma, beta, mean, variance = (
        np.float64(v.numpy())
        for v in (
            batch_norm.gamma,
            batch_norm.beta,
            batch_norm.moving_mean,
            batch_norm.moving_variance,
        )
    )
    scale = gamma / np.sqrt(variance + batch_norm.epsilon)
    return scale, beta - mean * scale
