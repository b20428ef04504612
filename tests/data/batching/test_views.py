import numpy as np
import pytest

from adafuse_tf.data import Preprocessing, Views
from tests.data.videos import gradient_frames

P = Preprocessing(num_frames=2, resize=32, crop=24, mean=(0, 0, 0), std=(1, 1, 1))


def noise(height, width):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, [2, height, width, 3]).astype(np.uint8)


def test_one_crop_is_that_of_evaluation():
    frames = gradient_frames(2, 40, 60)
    crops = Views().crops(frames, P).numpy()
    np.testing.assert_array_equal(crops, P.evaluate(frames).numpy()[None])
    assert Views().size(P) == 24


@pytest.mark.parametrize(("height", "width"), [(32, 75), (75, 32), (32, 32)])
def test_three_crops_cover_the_frame(height, width):
    frames = noise(height, width)  # its short side needs no resizing
    crops = Views(num_crops=3).crops(frames, P).numpy() * 255
    assert crops.shape == (3, 2, 32, 32, 3)
    assert Views(num_crops=3).size(P) == 32
    upright = height > width
    long = frames.swapaxes(1, 2) if upright else frames
    crops = crops.swapaxes(2, 3) if upright else crops
    far = max(height, width) - 32
    expected = [long[:, :, s : s + 32] for s in (0, round(far / 2), far)]
    np.testing.assert_allclose(crops, np.stack(expected), atol=1e-3)


def test_ten_crops_are_five_and_their_mirror_images():
    frames = noise(32, 51)
    crops = Views(num_crops=10).crops(frames, P).numpy()
    assert crops.shape == (10, 2, 24, 24, 3)
    np.testing.assert_array_equal(crops[5:], crops[:5, :, :, ::-1])
    corners = [(0, 0), (0, 27), (8, 0), (8, 27), (4, 14)]
    for crop, (top, left) in zip(crops[:5] * 255, corners, strict=True):
        expected = frames[:, top : top + 24, left : left + 24]
        np.testing.assert_allclose(crop, expected, atol=1e-3)
    np.testing.assert_array_equal(crops[4:5], Views().crops(frames, P))


@pytest.mark.parametrize("num_crops", [1, 3, 10])
def test_crops_are_normalised_as_in_evaluation(num_crops):
    ours = Preprocessing(2, 32, 24)
    plain = Views(num_crops=num_crops).crops(noise(32, 48), P).numpy()
    normalised = Views(num_crops=num_crops).crops(noise(32, 48), ours).numpy()
    expected = (plain - ours.mean) / ours.std
    np.testing.assert_allclose(normalised, expected, atol=1e-4)


def test_length_and_errors():
    assert len(Views(num_clips=4, num_crops=3)) == 12
    with pytest.raises(ValueError, match="num_clips=0"):
        Views(num_clips=0)
    with pytest.raises(ValueError, match="1, 3, 10. Received: num_crops=5"):
        Views(num_crops=5)
