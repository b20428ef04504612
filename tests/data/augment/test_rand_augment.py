import collections
import functools

import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.data.augment.rand_augment import operations, rand_augment
from tests.model_garden import needs_model_garden

SHAPE = tf.TensorShape([3, 40, 40, 3])
NAMES = [
    "Identity", "AutoContrast", "Equalize", "Posterize", "Solarize",
    "Brightness+", "Color+", "Contrast+", "Sharpness+", "Rotate+",
    "ShearX+", "ShearY+", "TranslateX+", "TranslateY+",
    "Brightness-", "Color-", "Contrast-", "Sharpness-", "Rotate-",
    "ShearX-", "ShearY-", "TranslateX-", "TranslateY-",
]  # fmt: skip
pytestmark = needs_model_garden


@functools.cache
def middle():
    """The operations at magnitude 5."""
    return operations(5.0, SHAPE)


def noise():
    """Smooth noise: random, but not beyond a nearest-pixel move."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(30, 220, [1, 5, 5, 3]).astype(np.float32)
    return tf.cast(tf.image.resize(coarse, SHAPE[1:3]), tf.uint8)


@pytest.fixture(scope="module")
def results():
    """Every operation on a clip of three like frames."""
    clip = tf.repeat(noise(), SHAPE[0], 0)
    apply = tf.function(lambda clip: {k: f(clip) for k, f in middle().items()})
    return clip.numpy(), {k: v.numpy() for k, v in apply(clip).items()}


def test_fourteen_operations():
    assert list(middle()) == NAMES
    assert len({name.rstrip("+-") for name in NAMES}) == 14


@pytest.mark.parametrize("name", NAMES)
def test_like_frames_stay_alike(results, name):
    clip, result = results[0], results[1][name]
    assert result.dtype == np.uint8 and result.shape == SHAPE
    np.testing.assert_array_equal(result, result[:1].repeat(3, 0))
    changed = np.abs(result.astype(int) - clip).max() > 1
    assert changed == (name != "Identity")


@pytest.mark.parametrize("name", NAMES)
def test_left_stays_left(name):
    # Dark on the left, light on the right; both below where "Solarize" begins.
    clip = np.full(SHAPE, 90, np.uint8)
    clip[:, :, 20:] = 100
    result = middle()[name](tf.constant(clip)).numpy().astype(float)
    result[result == 128] = np.nan  # what a move has uncovered
    left, right = np.nanmean(result[:, :, :15]), np.nanmean(result[:, :, 25:])
    assert left + 3 < right


@pytest.mark.parametrize(
    "name, opposite",
    [("TranslateX+", "TranslateX-"), ("ShearX+", "ShearX-"), ("Rotate+", "Rotate-")],
)
def test_signs_are_opposite_moves(name, opposite):
    frames, moves = noise(), operations(5.0, SHAPE[1:])
    there = moves[name](frames[0])
    mirrored = moves[opposite](frames[0, :, ::-1])
    # Which of two pixels is nearer may turn out differently.
    same = np.mean(there == mirrored[:, ::-1])
    assert same > 0.9


def test_what_a_move_uncovers_is_grey():
    clip = tf.zeros(SHAPE, tf.uint8)
    moved = operations(10.0, SHAPE)["TranslateX+"](clip).numpy()
    np.testing.assert_array_equal(moved[:, :, :22], 0)  # 0.45 of 40 pixels
    np.testing.assert_array_equal(moved[:, :, 22:], 128)


@pytest.mark.parametrize("name", ["Brightness+", "Color-", "Contrast-", "Posterize"])
def test_strength_grows_with_the_magnitude(name):
    clip = tf.repeat(noise(), SHAPE[0], 0)
    weak, strong = (
        np.abs(
            operations(m, SHAPE)[name](clip).numpy() - clip.numpy().astype(int)
        ).sum()
        for m in (1.0, 8.0)
    )
    assert weak < strong


def test_magnitude_zero_changes_no_more_than_a_level():
    clip = tf.repeat(noise(), SHAPE[0], 0)
    for name, operation in operations(0.0, SHAPE).items():
        if not name.startswith(("AutoContrast", "Equalize")):  # they have no magnitude
            difference = operation(clip).numpy().astype(int) - clip.numpy()
            assert np.abs(difference).max() <= 1, name


def test_all_operations_get_their_turn_and_none_more_than_others():
    clip = tf.repeat(noise(), SHAPE[0], 0)
    apply = tf.function(lambda seed: rand_augment(clip, 1, 5.0, seed))
    by_result = {f(clip).numpy().tobytes(): k for k, f in middle().items()}
    assert len(by_result) == len(middle())
    draws = 420
    found = collections.Counter(
        by_result[apply(tf.constant([k, 1])).numpy().tobytes()].rstrip("+-")
        for k in range(draws)
    )
    assert len(found) == 14
    assert max(found.values()) < 2 * draws / 14 and min(found.values()) > draws / 14 / 2


def test_a_layer_works_on_the_result_of_the_one_before():
    clip = tf.repeat(noise(), SHAPE[0], 0)
    one = {v(clip).numpy().tobytes() for v in middle().values()}
    two = [rand_augment(clip, 2, 5.0, [k, 1]).numpy().tobytes() for k in range(12)]
    assert set(two) - one
