"""RandAugment for clips: Model Garden's operations, with draws that repeat.

`official.vision.ops.augment.RandAugment` draws from TensorFlow's global generator, so
that a seed does not give the same batch twice in a parallel map. Here a seed chooses
operation and sign, once for a clip, and Model Garden computes.
"""

import functools
import math
from collections.abc import Callable

import tensorflow as tf

from adafuse_tf.data.augment.model_garden import augment_ops

MAX_MAGNITUDE = 10.0
_GREY = (128, 128, 128)

Operation = Callable[[tf.Tensor], tf.Tensor]


def rand_augment(
    frames: tf.Tensor, num_layers: int, magnitude: float, seed: tf.Tensor
) -> tf.Tensor:
    """Applies random operations, one after the other, to all frames alike.

    Each is one of the fourteen of the paper ([Cubuk et al., 2019](
    https://arxiv.org/abs/1909.13719)). None mirrors a frame: what a shift, a shear or
    a rotation uncovers is grey.

    Args:
        frames: uint8 RGB `[T, H, W, 3]`.
        num_layers: How many operations.
        magnitude: Their strength, 0 to 10.
        seed: Two integers.

    Returns:
        uint8 `[T, H, W, 3]`.
    """
    by_name = operations(magnitude, frames.shape)
    # Those that have two signs count once, like the others.
    turns = [k for k, name in enumerate(by_name) for _ in range(2 - _has_sign(name))]
    draws = tf.random.stateless_uniform(
        [num_layers], seed, maxval=len(turns), dtype=tf.int32
    )
    draws = tf.unstack(tf.gather(turns, draws))
    for draw in draws:
        choices = [functools.partial(branch, frames) for branch in by_name.values()]
        frames = tf.switch_case(draw, choices)
    return frames


def operations(magnitude: float, shape: tf.TensorShape) -> dict[str, Operation]:
    """Returns the fourteen operations as functions of a clip.

    Those that work in two directions are there twice, as `"Rotate+"` and `"Rotate-"`.

    Args:
        magnitude: 0 to 10.
        shape: Of the clips, `[T, H, W, 3]`; height and width must be known.
    """
    strength = magnitude / MAX_MAGNITUDE
    by_name = _unsigned(strength)
    for sign, end in ((1, "+"), (-1, "-")):
        for name, operation in _signed(sign * strength, shape).items():
            by_name[name + end] = operation
    return {name: _keeping_shape(f, shape) for name, f in by_name.items()}


def _has_sign(name: str) -> bool:
    return name[-1] in "+-"


def _unsigned(strength: float) -> dict[str, Operation]:
    ops = augment_ops()
    bits = 8 - int(4 * strength)
    threshold = 256 - int(256 * strength)
    solarize = functools.partial(ops.solarize, threshold=threshold)
    return {
        "Identity": tf.identity,
        "AutoContrast": ops.autocontrast,
        "Equalize": ops.equalize,
        "Posterize": lambda frames: ops.posterize(frames, bits),
        "Solarize": solarize if threshold < 256 else tf.identity,
    }


def _signed(strength: float, shape: tf.TensorShape) -> dict[str, Operation]:
    ops = augment_ops()
    factor = 1 + 0.9 * strength
    height, width = shape[-3:-1]
    angle, shear, shift = math.radians(30) * strength, 0.3 * strength, 0.45 * strength
    cos, sin = math.cos(angle), math.sin(angle)
    x, y = (width - 1) / 2, (height - 1) / 2  # the centre stays where it is
    # From places in the result to places in the frame.
    to_x = {
        "Rotate": (cos, -sin, x - cos * x + sin * y),
        "ShearX": (1, shear, -shear * y),
        "TranslateX": (1, 0, shift * width),
    }
    to_y = {
        "Rotate": (sin, cos, y - sin * x - cos * y),
        "ShearY": (shear, 1, -shear * x),
        "TranslateY": (0, 1, shift * height),
    }
    return {
        "Brightness": lambda frames: ops.brightness(frames, factor),
        "Color": lambda frames: ops.color(frames, factor),
        # See `color_jitter` for why this is not Model Garden's.
        "Contrast": lambda frames: tf.image.adjust_contrast(frames, factor),
        "Sharpness": lambda frames: ops.sharpness(frames, factor),
        **{
            name: _affine([*to_x.get(name, (1, 0, 0)), *to_y.get(name, (0, 1, 0))])
            for name in ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")
        },
    }


def _affine(rows: list[float]) -> Operation:
    ops = augment_ops()

    def move(frames):
        # A fourth channel of ones: where it is 0, the frame has been left. Model
        # Garden's own shifts and shears continue the frame with its mirror image.
        marked = ops.wrap(frames)
        moved = ops.transform(marked, [*rows, 0, 0], fill_mode="constant")
        moved = tf.ensure_shape(moved, marked.shape)
        return ops.unwrap(moved, tf.constant(_GREY, tf.uint8))

    return move


def _keeping_shape(operation: Operation, shape: tf.TensorShape) -> Operation:
    return lambda frames: tf.ensure_shape(operation(frames), shape)
