"""Training batches from any place in the data, and shared among workers."""

import numpy as np
import pytest

from adafuse_tf import data
from tests.training.conftest import write_records

PREPROCESSING = data.Preprocessing(num_frames=4, resize=16, crop=16)


@pytest.fixture(scope="module")
def passes(tmp_path_factory):
    """A function from a position to the batches of a pass that begins there."""
    folder = write_records(tmp_path_factory.mktemp("r"), {"train": 5})
    position = data.Position(3)
    dataset = data.clips(
        str(folder),
        PREPROCESSING,
        2,
        training=True,
        augmentation=data.Augmentation(multi_scale_crop=(), brightness=0.5),
        position=position,
    )

    def batches(epoch, clips=0):
        position.epoch, position.clips = epoch, clips
        return [clip.numpy().mean((1, 2, 3)) for clip, _ in dataset]

    return batches, str(folder)


def test_a_pass_depends_on_nothing_but_its_epoch(passes):
    batches, _ = passes
    later, first = np.array(batches(4)), np.array(batches(0))
    np.testing.assert_array_equal(batches(4), later)
    assert first.shape == (5, 2, 3)
    assert np.abs(first - later).max() > 0.01


def test_a_pass_goes_on_behind_clips(passes):
    batches, _ = passes
    np.testing.assert_array_equal(batches(1, clips=6), batches(1)[3:])


def test_names_are_those_of_the_clips(passes):
    batches, folder = passes

    def names(clips):
        dataset = data.clips(
            folder,
            PREPROCESSING,
            1,
            training=True,
            position=data.Position(3, 1, clips),
            names_only=True,
        )
        return [name.decode() for name in dataset.as_numpy_iterator()]

    assert len(set(names(0))) == 10 and "'train/" in names(0)[0]
    assert names(6) == names(0)[6:]


def test_workers_have_their_parts_of_the_same_batches(passes):
    batches, folder = passes  # 5 of 2 clips: 2 batches of 4, and 2 clips left over
    parts = []
    for worker in range(2):
        dataset = data.clips(
            folder,
            PREPROCESSING,
            2,
            training=True,
            augmentation=data.Augmentation(multi_scale_crop=(), brightness=0.5),
            position=data.Position(3, 1, worker=worker, num_workers=2, share=2),
        )
        parts.append([clip.numpy().mean((1, 2, 3)) for clip, _ in dataset.take(2)])
    together = np.concatenate(parts, axis=1)
    np.testing.assert_array_equal(together, np.reshape(batches(1)[:4], (2, 4, 3)))
