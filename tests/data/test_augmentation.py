import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.data import Augmentation, Preprocessing

PLAIN = Preprocessing(resize=32, crop=32, mean=(0, 0, 0), std=(1 / 255,) * 3)


def position_frames(height=64, width=96, count=2):
    """Red tells the column, green the row, blue the frame; all in 0..255."""
    frames = np.zeros([count, height, width, 3], np.uint8)
    frames[..., 0] = np.arange(width)
    frames[..., 1] = np.arange(height)[:, None]
    frames[..., 2] = np.arange(count)[:, None, None] * 50
    return frames


def windows(augmentation, draws=300):
    """Left, top, width and height of the window for each seed, from the colours."""
    frames, found = position_frames(), []
    apply = tf.function(lambda seed: augmentation.apply(frames, PLAIN, seed))
    for k in range(draws):
        out = apply(tf.constant([k, 7])).numpy()
        np.testing.assert_allclose(out[0, ..., :2], out[1, ..., :2], atol=1e-4)
        row, column = out[0, 0, :, 0], out[0, :, 0, 1]
        found.append((row.min(), column.min(), np.ptp(row) + 1, np.ptp(column) + 1))
    return np.array(found)


def test_window_sizes_follow_scales_and_distortion():
    found = windows(Augmentation())
    # Resampled edges move by a pixel: the nearest possible side stands for the side.
    sides = np.array([64, 56, 48, 42])
    nearest = np.abs(found[:, 2:, None] - sides).argmin(-1)
    pairs = {tuple(pair) for pair in nearest.tolist()}
    assert pairs == {(i, j) for i in range(4) for j in range(4) if abs(i - j) <= 1}


def test_no_distortion_keeps_the_window_square():
    found = windows(Augmentation(max_distort=0), draws=100)
    np.testing.assert_allclose(found[:, 2], found[:, 3], atol=1.5)


def test_window_stands_on_thirteen_positions():
    # A window of half the frame's height: borders 32 and 64 in all.
    found = windows(Augmentation(multi_scale_crop=(0.5,)))
    positions = {tuple(p) for p in np.rint(found[:, :2] / [16, 8]).astype(int).tolist()}
    assert positions == {(x, y) for x in range(5) for y in range(5) if x % 2 == y % 2}


def test_the_whole_frame_is_one_of_the_windows_of_a_square_frame():
    frames = position_frames(32, 32)
    result = Augmentation(multi_scale_crop=(1.0,)).apply(frames, PLAIN, [1, 2])
    np.testing.assert_allclose(result, frames, atol=1e-4)


def test_window_lies_inside_a_small_odd_frame():
    frames = position_frames(7, 5)
    for k in range(30):
        result = Augmentation().apply(frames, PLAIN, [k, 0])
        assert result.shape == (2, 32, 32, 3)
        assert np.asarray(result)[..., 1].max() <= 6


@pytest.mark.parametrize("scales", [(), (1.0,)])
def test_flip_mirrors_all_frames_alike(scales):
    frames = position_frames(32, 32)
    always = Augmentation(multi_scale_crop=scales, flip_probability=1.0)
    result = always.apply(frames, PLAIN, [1, 2])
    np.testing.assert_allclose(result, frames[:, :, ::-1], atol=1e-4)


def test_flip_happens_as_often_as_asked():
    frames = position_frames(32, 32)
    sometimes = Augmentation(multi_scale_crop=(), flip_probability=0.25)
    apply = tf.function(lambda seed: sometimes.apply(frames, PLAIN, seed)[0, 0, 0, 0])
    flipped = sum(float(apply(tf.constant([k, 1]))) > 16 for k in range(200))
    assert 30 < flipped < 70


def test_same_seed_same_result():
    frames = np.random.default_rng(0).integers(0, 256, [2, 40, 60, 3], np.uint8)
    one, again, other = (
        Augmentation(flip_probability=0.5).apply(frames, PLAIN, seed).numpy()
        for seed in ([5, 6], [5, 6], [6, 6])
    )
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 1


def test_without_anything_random_it_is_the_evaluation():
    frames = np.random.default_rng(0).integers(0, 256, [2, 40, 60, 3], np.uint8)
    result = Augmentation(multi_scale_crop=()).apply(frames, PLAIN, [1, 2])
    np.testing.assert_allclose(result, PLAIN.evaluate(frames), atol=1e-5)


@pytest.mark.parametrize(
    "arguments, match",
    [
        ({"multi_scale_crop": (1.2,)}, "multi_scale_crop=.*1.2"),
        ({"max_distort": -1}, "max_distort=-1"),
        ({"flip_probability": 2}, "flip_probability=2"),
    ],
)
def test_numbers_out_of_range(arguments, match):
    with pytest.raises(ValueError, match=match):
        Augmentation(**arguments)
