import numpy as np
import tensorflow as tf

from adafuse_tf.data.augment.random_window import area_window, multi_scale_window

SIZE = (60, 100)


def draw(window, count=400):
    draw = tf.function(lambda seed: window(seed))
    return np.array([draw(tf.constant([k, 3])).numpy() for k in range(count)])


def test_area_window_keeps_to_its_ranges():
    area, aspect = (0.2, 0.7), (0.5, 2.0)
    top, left, height, width = draw(lambda s: area_window(SIZE, area, aspect, s)).T
    assert top.min() >= 0 and (top + height).max() <= 60
    assert left.min() >= 0 and (left + width).max() <= 100
    shares, aspects = height * width / 6000, width / height
    # Sides are whole pixels: a pixel of 35 or less is up to 3%.
    assert 0.19 < shares.min() < 0.25 and 0.6 < shares.max() < 0.73
    assert 0.48 < aspects.min() < 0.7 and 1.7 < aspects.max() < 2.1


def test_area_window_goes_everywhere():
    found = draw(lambda seed: area_window(SIZE, (0.1, 0.1), (1.0, 1.0), seed))
    assert found[0, 2] == found[0, 3] == 24  # of 600 pixels
    assert (found[:, 2:] == found[0, 2:]).all()
    free = np.array(SIZE) - found[0, 2:]
    assert (found[:, :2].min(0) <= 0.05 * free).all()
    assert (found[:, :2].max(0) >= 0.95 * free).all()
    assert np.abs(found[:, :2].mean(0) / free - 0.5).max() < 0.1


def test_area_window_that_does_not_fit_is_cut_to_the_frame():
    top, left, height, width = draw(
        lambda seed: area_window(SIZE, (1.0, 1.0), (0.5, 2.0), seed), 100
    ).T
    assert ((height == 60) | (width == 100)).all()
    assert (top + height).max() <= 60 and (left + width).max() <= 100


def test_multi_scale_window_lies_inside_the_frame():
    scales = (1.0, 0.66, 0.01)
    top, left, height, width = draw(lambda s: multi_scale_window(SIZE, scales, 2, s)).T
    assert {*height, *width} == {60, 39, 1}
    assert top.min() == left.min() == 0
    assert (top + height).max() == 60 and (left + width).max() == 100
