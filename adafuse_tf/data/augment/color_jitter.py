"""Random brightness, contrast, saturation and hue, one draw for a whole clip."""

import tensorflow as tf

from adafuse_tf.data.augment.model_garden import augment_ops


def color_jitter(
    frames: tf.Tensor,
    brightness: float,
    contrast: float,
    saturation: float,
    hue: float,
    seed: tf.Tensor,
) -> tf.Tensor:
    """Changes the colours of all frames alike.

    Args:
        frames: uint8 RGB `[T, H, W, 3]`.
        brightness: The factor is drawn from `1 - brightness` to `1 + brightness`, not
            below 0. A strength of 0 leaves this out, here and below.
        contrast: Likewise, around the mean of each frame.
        saturation: Likewise, around its shades of grey.
        hue: The hue is turned by up to this share of the circle, both ways.
        seed: Two integers.

    Returns:
        uint8 `[T, H, W, 3]`.
    """
    draws = tf.random.stateless_uniform([4], seed, minval=-1.0)
    strengths = tf.constant([brightness, contrast, saturation, hue])
    shifts = tf.unstack(draws * strengths)
    factors = [tf.maximum(1 + shift, 0) for shift in shifts[:3]]
    if brightness:
        frames = _in_graph(augment_ops().brightness, frames, factors[0])
    if contrast:
        # Model Garden's own operation is this one since 2.18; that of 2.17 takes the
        # number of pixels for their mean.
        frames = tf.image.adjust_contrast(frames, factors[1])
    if saturation:
        frames = _in_graph(augment_ops().color, frames, factors[2])
    if hue:
        frames = tf.image.adjust_hue(frames, shifts[3])
    return frames


def _in_graph(operation, frames, factor):
    # Model Garden compares the factor in Python, which a graph needs rewritten.
    changed = tf.function(operation)(frames, factor)
    return tf.ensure_shape(changed, frames.shape)
