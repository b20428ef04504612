import colorsys
import functools

import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.data.augment.color_jitter import color_jitter
from tests.model_garden import needs_model_garden

pytestmark = needs_model_garden

NAMES = ("brightness", "contrast", "saturation", "hue")


@functools.cache
def graph(autograph=True, **strengths):
    values = [strengths.get(name, 0.0) for name in NAMES]
    return tf.function(
        lambda frames, seed: color_jitter(frames, *values, seed), autograph=autograph
    )


def jitter(frames, seed=(1, 2), **strengths):
    result = graph(**strengths)(tf.constant(frames), tf.constant(seed))
    return result.numpy().astype(float)


def colours():
    """Colours away from black and white, where nothing is cut off; two like frames."""
    frame = np.random.default_rng(0).integers(90, 140, [1, 6, 5, 3], np.uint8)
    return frame.repeat(2, 0)


def factors(strength, measure):
    """What `measure` says of the results for many seeds, per unit of the original."""
    frames = colours()
    original = measure(frames.astype(float))
    found = [measure(jitter(frames, (k, 5), **strength)) for k in range(60)]
    return np.array(found) / original


def spread(frames):
    return np.std(frames[0])


def chroma(frames):
    return np.mean(np.ptp(frames, axis=-1))


@pytest.mark.parametrize(
    "name, measure",
    [("brightness", np.mean), ("contrast", spread), ("saturation", chroma)],
)
def test_factors_fill_the_range_of_the_strength(name, measure):
    found = factors({name: 0.5}, measure)
    assert 0.45 < found.min() < 0.65 and 1.35 < found.max() < 1.55


def test_hue_turns_by_up_to_its_share_of_the_circle():
    frames = np.full([1, 2, 2, 3], [200, 100, 60], np.uint8)
    hue = colorsys.rgb_to_hsv(200, 100, 60)[0]
    turns = []
    for k in range(60):
        pixel = jitter(frames, (k, 5), hue=0.2)[0, 0, 0]
        turns.append((colorsys.rgb_to_hsv(*pixel)[0] - hue + 0.5) % 1 - 0.5)
    assert -0.21 < min(turns) < -0.15 and 0.15 < max(turns) < 0.21


@pytest.mark.parametrize("name", NAMES)
def test_like_frames_stay_alike_and_places_stay(name):
    frames = colours()
    result = jitter(frames, **{name: 0.5})
    assert np.abs(result - frames).max() > 1
    np.testing.assert_array_equal(result[0], result[1])
    # Turned upside down before or after: every pixel stays where it is.
    turned = jitter(frames[:, ::-1], **{name: 0.5})
    np.testing.assert_allclose(turned, result[:, ::-1], atol=1)


def test_does_not_depend_on_autograph_around_it():
    frames, strengths = colours(), dict.fromkeys(NAMES, 0.3)
    plain = graph(autograph=False, **strengths)(tf.constant(frames), (1, 2))
    np.testing.assert_array_equal(plain, jitter(frames, **strengths))
    eager = color_jitter(tf.constant(frames), *strengths.values(), (1, 2))
    np.testing.assert_array_equal(eager, plain)
