from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.data import Preprocessing
from adafuse_tf.data.preprocessing import interpolate, resize
from tests.shared import SHARED, needs_shared

RNG = np.random.default_rng(0)
GOLDEN = Path(__file__).parents[1] / "golden" / "preprocess.npz"
REFERENCE = "parity/extra/preprocess.npz"


def test_pixels_agree_with_the_reference_to_one_grey_level():
    golden = np.load(GOLDEN)
    one = Preprocessing(num_frames=1)
    cropped = one.centre_crop(one.resize_short_side(golden["frames"])).numpy()
    error = np.abs(cropped - golden["crop"])
    assert error.max() <= 1
    assert (error > 0).mean() < 0.2


def test_what_differs_is_how_often_is_rounded():
    golden = np.load(GOLDEN)
    frames = golden["frames"]
    one = Preprocessing(num_frames=1)
    height, width = one.resize_short_side(frames).shape[1:3]
    # As Pillow does: columns, rounded, then rows, rounded; halves go up.
    columns = tf.floor(interpolate(frames, [frames.shape[1], width]) + 0.5)
    both = tf.floor(interpolate(columns, [height, width]) + 0.5)
    error = np.abs(one.centre_crop(both).numpy() - golden["crop"])
    assert error.max() <= 1
    assert (error > 0).mean() < 0.01


@needs_shared(REFERENCE)
@pytest.mark.parametrize("name", ["sth_320x240", "jester_176x100", "tall_120x160"])
def test_evaluate_agrees_with_the_reference(name):
    reference = np.load(SHARED / REFERENCE)
    result = Preprocessing(num_frames=2).evaluate(reference[f"{name}_frames"]).numpy()
    expected = reference[f"{name}_tensor"].reshape(2, 3, 224, 224).transpose(0, 2, 3, 1)
    error = np.abs(result - expected)
    assert error.max() < 0.0176  # one grey level is up to 1 / 255 / 0.224
    assert (error > 0.5 * error.max()).mean() < 0.2


def test_normalize_is_mean_and_std_per_colour():
    frames = np.random.default_rng(0).integers(0, 256, [2, 5, 7, 3], np.uint8)
    numbers = Preprocessing(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    expected = (frames / 255 - np.array([0.1, 0.2, 0.3])) / np.array([0.4, 0.5, 0.6])
    result = numbers.normalize(frames)
    assert result.dtype == tf.float32
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_bgr_is_the_same_in_the_other_order():
    mean, std = (0.5, 0.4, 0.3), (1 / 255, 0.2, 0.1)
    rgb, bgr = (
        Preprocessing(mean=mean, std=std, color_order=order) for order in ("rgb", "bgr")
    )
    frames = RNG.integers(0, 256, (2, 5, 7, 3)).astype("uint8")
    expected = ((frames / 255 - mean) / std)[..., ::-1]
    np.testing.assert_allclose(bgr.normalize(frames), expected, rtol=1e-5, atol=1e-5)
    symbolic = keras.Input((5, 7, 3))
    model = keras.Model(symbolic, bgr.normalize(symbolic))
    np.testing.assert_allclose(model(frames), expected, rtol=1e-5, atol=1e-5)
    for one in (rgb, bgr):
        back = one.denormalize(one.normalize(frames))
        np.testing.assert_array_equal(np.rint(back), frames)
        assert Preprocessing.from_dict(one.to_dict()).color_order == one.color_order
    with pytest.raises(ValueError, match="`color_order` must be one of.*'gbr'"):
        Preprocessing(color_order="gbr")


def test_centre_crop_takes_the_middle():
    frames = np.arange(9 * 12, dtype=np.uint8).reshape(1, 9, 12, 1).repeat(3, -1)
    cropped = Preprocessing(resize=9, crop=5).centre_crop(frames)
    # Borders 2 and 3.5, the half goes to the even number.
    np.testing.assert_array_equal(cropped, frames[:, 2:7, 4:9])


def test_frame_that_fits_is_left_alone():
    frames = np.random.default_rng(0).integers(0, 256, [2, 16, 16, 3], np.uint8)
    np.testing.assert_array_equal(resize(frames, [16, 16]), frames)


@pytest.mark.parametrize("size", [(20, 30), (90, 75), (60, 20)])
def test_resize_agrees_with_pillow(size):
    image = pytest.importorskip("PIL.Image")
    frame = np.random.default_rng(0).integers(0, 256, [60, 50, 3], np.uint8)
    picture = image.fromarray(frame).resize(size[::-1], image.Resampling.BILINEAR)
    # Shrinking without antialiasing would be off by tens of grey levels.
    assert np.abs(resize(frame[None], size)[0] - np.asarray(picture)).max() <= 1


def test_evaluate_in_a_graph_with_unknown_sizes():
    numbers = Preprocessing(num_frames=2, resize=20, crop=16)
    spec = tf.TensorSpec([2, None, None, 3], tf.uint8)
    graph = tf.function(numbers.evaluate, input_signature=[spec])
    assert graph.get_concrete_function().output_shapes == [2, 16, 16, 3]
    frames = np.random.default_rng(0).integers(0, 256, [2, 40, 30, 3], np.uint8)
    np.testing.assert_allclose(graph(frames), numbers.evaluate(frames), atol=1e-6)


def test_dict_round_trip():
    numbers = Preprocessing(num_frames=4, resize=64, crop=56, std=(0.1, 0.2, 0.3))
    values = numbers.to_dict()
    assert values["std"] == [0.1, 0.2, 0.3]  # a list, as in JSON and YAML
    assert Preprocessing.from_dict(values).to_dict() == values


@pytest.mark.parametrize(
    "values, error, match",
    [
        ({"frames": 8}, ValueError, r"num_frames.*Received: \['frames'\]"),
        ({"num_frames": 0}, ValueError, "num_frames=0"),
        ({"num_frames": 8.0}, TypeError, "num_frames=8.0"),
        ({"crop": True}, TypeError, "crop=True"),
        ({"crop": 300}, ValueError, "crop=300, resize=256"),
        ({"mean": [0.5]}, ValueError, "three numbers"),
        ({"mean": "abc"}, TypeError, "mean='abc'"),
        ({"std": [0.5, 0, 0.5]}, ValueError, "positive"),
    ],
)
def test_from_dict_is_strict(values, error, match):
    with pytest.raises(error, match=match):
        Preprocessing.from_dict(values)


@pytest.mark.parametrize("size", ((24, 36), (16, 16), (20, 16)))
def test_it_is_a_layer_that_runs_anywhere(size, tmp_path):
    """In `tf.data`, in front of a model in `fit`, in a file and in an export."""
    preprocessing = Preprocessing(3, 16, 16, std=(0.1, 0.2, 0.3))
    clips = RNG.integers(0, 256, (4, 3, *size, 3)).astype("uint8")
    wanted = np.array([preprocessing.evaluate(clip) for clip in clips])
    assert wanted.shape == (4, 3, 16, 16, 3)

    def same(found):
        np.testing.assert_allclose(found, wanted, atol=2e-5)

    same(preprocessing(clips))
    same(preprocessing(clips.astype("float32")))
    for dataset in (
        tf.data.Dataset.from_tensor_slices(clips).map(preprocessing).batch(4),
        tf.data.Dataset.from_tensor_slices(clips).batch(4).map(preprocessing),
    ):
        assert dataset.element_spec.shape[1:] == (3, 16, 16, 3)
        same(next(iter(dataset)))
    for shape in ((3, *size, 3), (None, None, None, 3)):
        for dtype in ("uint8", "float32"):
            frames = keras.Input(shape, dtype=dtype)
            model = keras.Model(frames, preprocessing(frames))
            assert model.output.shape == (None, shape[0], 16, 16, 3)
            same(model.predict(clips, verbose=0))
    model.save(tmp_path / "m.keras")
    same(keras.models.load_model(tmp_path / "m.keras")(clips))
    model.export(tmp_path / "exported", verbose=False)
    served = tf.saved_model.load(tmp_path / "exported").serve(clips.astype("float32"))
    same(served)
    head = [keras.layers.Flatten(), keras.layers.Dense(2)]
    trained = keras.Sequential([preprocessing, *head])
    trained.compile("sgd", "mse")
    trained.fit(clips, np.zeros((4, 2)), verbose=0)
    same(trained.layers[0](clips))


@pytest.mark.parametrize("dtype", ("uint8", "float32"))
def test_symbolic_frames_can_be_normalised(dtype):
    preprocessing = Preprocessing(3, 16, 16, std=(0.1, 0.2, 0.3))
    clips = RNG.integers(0, 256, (2, 3, 12, 20, 3)).astype(dtype)
    frames = keras.Input(clips.shape[1:], dtype=dtype)
    model = keras.Model(frames, preprocessing.normalize(frames))
    wanted = preprocessing.normalize(clips)
    np.testing.assert_allclose(model(clips), wanted, atol=1e-5)


def test_a_layer_says_what_it_takes():
    preprocessing = Preprocessing(3, 16, 16)
    for shape in ((24, 36, 3), (3, 24, 36, 1), (1, 1, 3, 24, 36, 3)):
        with pytest.raises(ValueError, match=r"\[B, T, H, W, 3\] or \[T, H, W, 3\]"):
            preprocessing(np.zeros(shape, "uint8"))
        with pytest.raises(ValueError, match=r"\[B, T, H, W, 3\] or \[T, H, W, 3\]"):
            preprocessing(keras.Input(shape[1:], batch_size=shape[0]))
