"""Which part of the frames a random crop takes: `[top, left, height, width]`."""

import itertools
import math
from collections.abc import Sequence

import tensorflow as tf

# The window sits on a grid of quarter steps between the borders: corners, middles of
# the sides, centre, and the four points between the corners and the centre.
_POSITIONS = [
    (row, column)
    for row, column in itertools.product(range(5), repeat=2)
    if row % 2 == column % 2
]


def multi_scale_window(
    size: tf.Tensor, scales: Sequence[float], max_distort: int, seed: tf.Tensor
) -> tf.Tensor:
    """Draws a window at one of thirteen positions.

    Args:
        size: Height and width of the frame, two integers.
        scales: Sides of the window as fractions of the frame's shorter side.
        max_distort: How many places in `scales` height and width may be apart.
        seed: Two integers.

    Returns:
        int32 `[4]`: top, left, height, width.
    """
    sides = [
        (tall, wide)
        for (i, tall), (j, wide) in itertools.product(enumerate(scales), repeat=2)
        if abs(i - j) <= max_distort
    ]
    seeds = tf.unstack(tf.random.split(seed, 2))
    # float64, so that 0.66 of 100 pixels is 66 and not 65.
    side = choose(tf.constant(sides, tf.float64), seeds[0])
    position = choose(tf.constant(_POSITIONS, tf.int32), seeds[1])
    size = tf.cast(size, tf.int32)
    short = tf.cast(tf.reduce_min(size), tf.float64)
    window = tf.maximum(tf.cast(side * short, tf.int32), 1)
    return tf.concat([(size - window) // 4 * position, window], 0)


def area_window(
    size: tf.Tensor,
    area: tuple[float, float],
    aspect: tuple[float, float],
    seed: tf.Tensor,
) -> tf.Tensor:
    """Draws a window of random area, shape and place, as ImageNet training does.

    Args:
        size: Height and width of the frame, two integers.
        area: Least and greatest share of the frame's area, drawn evenly.
        aspect: Least and greatest width per height, drawn evenly on a log scale.
        seed: Two integers.

    Returns:
        int32 `[4]`: top, left, height, width. A side that would not fit in is that of
        the frame.
    """
    size = tf.cast(size, tf.int32)
    draws = tf.random.stateless_uniform([4], seed)
    share = area[0] + draws[0] * (area[1] - area[0])
    log_aspect = math.log(aspect[0]) + draws[1] * math.log(aspect[1] / aspect[0])
    # Height and width of the same area with an aspect of 1, then of that aspect.
    side = tf.sqrt(share * tf.cast(tf.reduce_prod(size), tf.float32))
    sides = side * tf.exp(tf.stack([-0.5, 0.5]) * log_aspect)
    window = tf.clip_by_value(tf.cast(tf.round(sides), tf.int32), 1, size)
    free = tf.cast(size - window + 1, tf.float32)
    corner = tf.minimum(tf.cast(draws[2:] * free, tf.int32), size - window)
    return tf.concat([corner, window], 0)


def choose(values: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns one of `values` along the first axis."""
    index = tf.random.stateless_uniform(
        [], seed, maxval=values.shape[0], dtype=tf.int32
    )
    return values[index]
