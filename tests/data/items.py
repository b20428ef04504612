"""Items of tests, and what holds for each."""

import numpy as np

from adafuse_tf.data import Item, count_frames, open_item, read_frames

CLIPS = "data/clips/torchvision/test/assets/videos"  # below ../shared


def item(path, **fields):
    return Item(str(path), path.name, "up", "train", **fields)


def read_all(item, *args, **kwargs):
    with open_item(item, *args, **kwargs) as video:
        return np.stack(list(video.frames))


def assert_single_frames_are_those_of_all(item, short_side=None):
    frames = read_all(item, short_side)
    assert count_frames(item) == len(frames)
    for k in range(len(frames)):
        assert np.array_equal(read_frames(item, [k], short_side)[0], frames[k]), k
    indices = [len(frames) - 1, 0, 3, len(frames) // 2, 3]
    assert np.array_equal(read_frames(item, indices, short_side), frames[indices])
