import itertools

import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.data import (
    Augmentation,
    Preprocessing,
    clips,
    damaged_files,
    find_files,
    records,
)
from tests.data.videos import clip_record, write_records

SMALL = Preprocessing(num_frames=4, resize=32, crop=32, mean=(0, 0, 0), std=(1, 1, 1))


@pytest.fixture
def folder(tmp_path):
    """Two files with labels 0..5 and 6..9; ten frames each."""
    for name, labels in (("a", range(6)), ("b", range(6, 10))):
        serialized = [clip_record(10, label, f"clip {label}") for label in labels]
        write_records(tmp_path / f"{name}.tfrecord", serialized)
    return str(tmp_path)


def collect(dataset):
    batches = [(x.numpy(), y.numpy()) for x, y in dataset]
    return np.concatenate([x for x, _ in batches]), np.concatenate(
        [y for _, y in batches]
    )


def test_evaluation_keeps_the_order_and_takes_the_centre_frames(folder):
    x, y = collect(clips(folder, SMALL, 4, training=False))
    assert x.dtype == np.float32 and y.dtype == np.int32
    assert y.tolist() == list(range(10))
    # Ten frames, four segments: 1, 3, 6, 8; frame k is 8 k brighter than the first.
    steps = np.diff(x.mean(axis=(0, 2, 3, 4)))
    np.testing.assert_allclose(steps * 255 / 8, [2, 3, 2], atol=0.1)


def test_shapes_are_static_where_they_can_be(folder):
    spec = clips(folder, SMALL, 4, training=False).element_spec
    assert spec[0].shape.as_list() == [None, 4, 32, 32, 3]
    full = clips(folder, SMALL, 4, training=True, drop_remainder=True)
    assert full.element_spec[0].shape.as_list() == [4, 4, 32, 32, 3]
    assert len(list(full)) == 2


@pytest.mark.parametrize("augmentation", [None, Augmentation(flip_probability=0.5)])
@pytest.mark.parametrize("cache", [False, True])
def test_same_seed_same_batches(folder, augmentation, cache):
    def run(seed):
        dataset = clips(
            folder,
            SMALL,
            3,
            training=True,
            augmentation=augmentation,
            seed=seed,
            cache=cache,
        )
        # Two passes, as in two epochs of training.
        return [collect(dataset), collect(dataset)]

    first, again, other = run(1), run(1), run(2)
    for (x, y), (x_again, y_again) in zip(first, again, strict=True):
        assert sorted(y.tolist()) == list(range(10))
        np.testing.assert_array_equal(y, y_again)
        np.testing.assert_array_equal(x, x_again)
    assert first[0][1].tolist() != other[0][1].tolist()
    # The second pass has another order and other draws for the same clip.
    assert first[0][1].tolist() != first[1][1].tolist()
    by_label = [dict(zip(y.tolist(), x, strict=True)) for x, y in first]
    changed = [np.abs(by_label[0][k] - by_label[1][k]).max() > 0.02 for k in range(10)]
    assert sum(changed) >= 5


def test_no_seed_differs_from_run_to_run(folder):
    orders = {
        tuple(collect(clips(folder, SMALL, 10, training=True))[1].tolist())
        for _ in range(4)
    }
    assert len(orders) > 1


def test_all_frames_of_a_clip_get_the_same_crop(tmp_path):
    still = np.random.default_rng(0).integers(0, 256, [1, 32, 48, 3], np.uint8)
    still = still.repeat(6, 0)
    path = write_records(tmp_path / "a.tfrecord", [clip_record(frames=still)] * 8)
    augmentation = Augmentation(flip_probability=0.5)
    x, _ = collect(
        clips(path, SMALL, 8, training=True, augmentation=augmentation, seed=0)
    )
    assert np.abs(x - x[:, :1]).max() == 0
    assert np.abs(x - x[:1]).max() > 0.1  # but each clip its own


def test_repeat_goes_on(folder):
    dataset = clips(folder, SMALL, 5, training=True, repeat=True, seed=0)
    labels = [y.numpy().tolist() for _, y in itertools.islice(dataset, 6)]
    # Passes do not mix: each two batches hold every clip once.
    for first, second in zip(labels[::2], labels[1::2], strict=True):
        assert sorted(first + second) == list(range(10))


def test_only_chosen_frames_are_decoded(tmp_path):
    example = tf.train.SequenceExample.FromString(clip_record(8))
    frames = example.feature_lists.feature_list["image/encoded"].feature
    for k in (0, 2, 4, 6):  # the centres are 1, 3, 5, 7
        frames[k].bytes_list.value[0] = b"never looked at"
    path = write_records(tmp_path / "a.tfrecord", [example.SerializeToString()])
    x, _ = collect(clips(path, SMALL, 1, training=False))
    assert x.shape == (1, 4, 32, 32, 3)


def test_input_path_forms(folder):
    both = [f"{folder}/a.tfrecord", f"{folder}/b.tfrecord"]
    assert find_files(folder) == both
    assert find_files(f"{folder}/*.tfrecord") == both
    assert find_files(both[::-1]) == both[::-1]
    assert find_files(both[0]) == both[:1]


def test_other_files_of_the_folder_are_left_out(folder):
    write_records(f"{folder}/train.tfrecord.incomplete", [])
    assert len(find_files(folder)) == 2


@pytest.mark.parametrize("name", ["none.tfrecord", "none*", "sub"])
def test_nothing_found_names_the_pattern(folder, tmp_path, name):
    (tmp_path / "sub").mkdir()
    with pytest.raises(FileNotFoundError, match="No record file matches") as caught:
        clips(f"{folder}/{name}", SMALL, 1, training=False)
    assert f"{folder}/{name}" in str(caught.value)


def test_empty_list_is_refused():
    with pytest.raises(FileNotFoundError, match=r"input_path=\[\]"):
        clips([], SMALL, 1, training=False)


def test_bad_arguments(folder):
    with pytest.raises(ValueError, match="batch_size=0"):
        clips(folder, SMALL, 0, training=False)
    with pytest.raises(ValueError, match="augmentation=.*training=False"):
        clips(folder, SMALL, 1, training=False, augmentation=Augmentation())


def test_damaged_file_is_found_by_name(folder):
    sound = f"{folder}/a.tfrecord"
    with open(f"{folder}/b.tfrecord", "r+b") as file:
        file.truncate(2000)
    with pytest.raises(tf.errors.DataLossError):
        collect(clips(folder, SMALL, 2, training=False))
    damaged = damaged_files(folder)
    assert list(damaged) == [f"{folder}/b.tfrecord"]
    assert "truncated" in damaged[f"{folder}/b.tfrecord"]
    assert damaged_files(sound) == {}


def test_frame_that_is_no_jpeg_names_its_clip(tmp_path):
    record = records.encode_clip(
        [b"not a picture"] * 4,
        label_index=0,
        label_text="up",
        media_id="odd.mp4",
        width=8,
        height=8,
    )
    path = write_records(tmp_path / "a.tfrecord", [record])
    with pytest.raises(tf.errors.InvalidArgumentError, match="odd.mp4"):
        collect(clips(path, SMALL, 1, training=False))
