import sys

import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.data import Augmentation, Preprocessing
from tests.model_garden import needs_model_garden

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
    apply = tf.function(lambda seed: augmentation.apply(frames, 0, PLAIN, seed)[0])
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
    result, _ = Augmentation(multi_scale_crop=(1.0,)).apply(frames, 0, PLAIN, [1, 2])
    np.testing.assert_allclose(result, frames, atol=1e-4)


def test_window_lies_inside_a_small_odd_frame():
    frames = position_frames(7, 5)
    for k in range(30):
        result, _ = Augmentation().apply(frames, 0, PLAIN, [k, 0])
        assert result.shape == (2, 32, 32, 3)
        assert np.asarray(result)[..., 1].max() <= 6


def test_resized_crop_shows_a_part_of_that_area():
    crop = Augmentation((), random_resized_crop=(0.25, 0.25), aspect_range=(1.0, 1.0))
    found = windows(crop, draws=100)
    # 39 pixels are a quarter of 64 x 96; resampled edges move by a pixel.
    np.testing.assert_allclose(found[:, 2:], 39, atol=2)
    assert np.ptp(found[:, 0]) > 45 and np.ptp(found[:, 1]) > 15


@pytest.mark.parametrize("scales", [(), (1.0,)])
def test_flip_mirrors_all_frames_alike(scales):
    frames = position_frames(32, 32)
    always = Augmentation(multi_scale_crop=scales, flip_probability=1.0)
    result, label = always.apply(frames, 3, PLAIN, [1, 2])
    np.testing.assert_allclose(result, frames[:, :, ::-1], atol=1e-4)
    assert label == 3


def test_flip_happens_as_often_as_asked():
    frames = position_frames(32, 32)
    sometimes = Augmentation(multi_scale_crop=(), flip_probability=0.25)
    apply = tf.function(lambda s: sometimes.apply(frames, 0, PLAIN, s)[0][0, 0, 0, 0])
    flipped = sum(float(apply(tf.constant([k, 1]))) > 16 for k in range(200))
    assert 30 < flipped < 70


def test_flip_exchanges_the_label_where_it_mirrors_and_only_there():
    frames = position_frames(32, 32)
    aware = Augmentation((), flip_probability=0.5, flip_labels=(1, 0, 2, -1))
    apply = tf.function(lambda label, seed: aware.apply(frames, label, PLAIN, seed))
    seen = set()
    for label in range(4):
        for k in range(20):
            out, after = apply(tf.constant(label), tf.constant([k, 1]))
            seen.add((label, bool(out[0, 0, 0, 0] > 16), int(after)))
    assert seen == {
        (0, False, 0), (0, True, 1), (1, False, 1), (1, True, 0),
        (2, False, 2), (2, True, 2),
        (3, False, 3),  # nothing to call its mirror image
    }  # fmt: skip


EVERYTHING = {
    "nothing": {"multi_scale_crop": ()},
    "crop": {},
    "resized crop": {"multi_scale_crop": (), "random_resized_crop": (0.1, 1.0)},
    "flip": {"flip_probability": 0.5},
    "contrast and hue": {"contrast": 0.4, "hue": 0.1},
    "colours": {"brightness": 0.4, "saturation": 0.4},
    "RandAugment": {"rand_augment_layers": 2},
}
GARDEN = ("colours", "RandAugment")


@pytest.fixture(
    params=[
        pytest.param(name, marks=needs_model_garden if name in GARDEN else ())
        for name in EVERYTHING
    ],
    scope="module",
)
def apply(request):
    """Each augmentation as a graph, of random frames of any size."""
    augmentation = Augmentation(**EVERYTHING[request.param])
    signature = [
        tf.TensorSpec([3, None, None, 3], tf.uint8),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([2], tf.int32),
    ]
    graph = tf.function(
        lambda frames, label, seed: augmentation.apply(frames, label, PLAIN, seed),
        input_signature=signature,
    )
    graph.varies = request.param != "nothing"
    return graph


def random_frames(count=3):
    return np.random.default_rng(0).integers(0, 256, [count, 40, 60, 3], np.uint8)


def test_all_frames_get_the_same_draw(apply):
    frames = random_frames(1).repeat(3, 0)
    for k in range(12):
        result = apply(frames, 0, [k, 1])[0].numpy()
        np.testing.assert_array_equal(result, result[:1].repeat(3, 0))


def test_same_seed_same_result_in_parallel(apply):
    frames = random_frames()

    def results():
        seeds = tf.data.Dataset.range(10).map(lambda k: tf.stack([k, k]))
        dataset = seeds.map(
            lambda seed: apply(frames, 0, tf.cast(seed, tf.int32))[0],
            num_parallel_calls=4,
            deterministic=True,
        )
        return np.stack(list(dataset.as_numpy_iterator()))

    one, again = results(), results()
    np.testing.assert_array_equal(one, again)
    assert (np.abs(one - one[:1]).max() > 1) == apply.varies


def test_bytes_in_normalised_floats_out(apply):
    result, label = apply(random_frames(), 5, [1, 2])
    assert result.dtype == tf.float32 and result.shape == [3, 32, 32, 3]
    assert label.dtype == tf.int32 and label == 5
    # PLAIN leaves numbers as they are.
    assert np.min(result) > -0.01 and np.max(result) < 255.01


@pytest.mark.parametrize("name", ["nothing", "crop", "resized crop"])
def test_reading_the_window_only_makes_no_difference(name):
    frames = random_frames()
    augmentation = Augmentation(**EVERYTHING[name], flip_probability=0.5)
    for k in range(10):
        seed = tf.constant([k, 1])
        top, left, height, width = augmentation.window([40, 60], seed).numpy()
        part = frames[:, top : top + height, left : left + width]
        np.testing.assert_array_equal(
            augmentation.apply_in_window(part, 0, PLAIN, seed)[0],
            augmentation.apply(frames, 0, PLAIN, seed)[0],
        )


def test_without_anything_random_it_is_the_evaluation():
    frames = random_frames()
    result, _ = Augmentation(multi_scale_crop=()).apply(frames, 0, PLAIN, [1, 2])
    np.testing.assert_allclose(result, PLAIN.evaluate(frames), atol=1e-5)


@pytest.mark.parametrize("name", ["brightness", "saturation", "rand_augment_layers"])
def test_missing_model_garden_is_told_at_once(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "official.vision.ops", None)
    with pytest.raises(ImportError, match=r"pip install 'adafuse_tf\[train\]'"):
        Augmentation(**{name: 1})


def test_crops_flips_and_contrast_do_without_model_garden(monkeypatch):
    monkeypatch.setitem(sys.modules, "official.vision.ops", None)
    augmentation = Augmentation(flip_probability=0.5, contrast=0.5, hue=0.1)
    frames = random_frames()
    varied, _ = augmentation.apply(frames, 0, PLAIN, [1, 2])
    plain = PLAIN.evaluate(frames)
    assert varied.shape == plain.shape and np.abs(varied - plain).max() > 0.1


@pytest.mark.parametrize(
    "arguments, match",
    [
        ({"multi_scale_crop": (1.2,)}, "multi_scale_crop=.*1.2"),
        ({"max_distort": -1}, "max_distort=-1"),
        ({"random_resized_crop": (0.1, 1.0)}, "one random crop.*multi_scale_crop=.1.0"),
        ({"multi_scale_crop": (), "random_resized_crop": (0.5, 0.1)}, "0.5, 0.1"),
        ({"multi_scale_crop": (), "random_resized_crop": (0.5,)}, "crop=.0.5,"),
        ({"aspect_range": (2.0, 1.0)}, r"aspect_range=\(2.0, 1.0\)"),
        ({"flip_probability": 2}, "flip_probability=2"),
        ({"flip_labels": (1, 2, 0)}, r"flip_labels.*Received: 1 for 0 in \(1, 2, 0\)"),
        ({"flip_labels": (0, 5)}, "Received: 5 for 1"),
        ({"brightness": -0.1}, "brightness=-0.1"),
        ({"hue": 0.7}, "0..0.5. Received: hue=0.7"),
        ({"rand_augment_layers": -1}, "rand_augment_layers=-1"),
        ({"rand_augment_magnitude": 11}, "0..10. Received: rand_augment_magnitude=11"),
    ],
)
def test_numbers_out_of_range(arguments, match):
    with pytest.raises(ValueError, match=match):
        Augmentation(**arguments)
