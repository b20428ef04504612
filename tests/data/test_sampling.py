import json
from pathlib import Path

import numpy as np
import pytest

from adafuse_tf.data import random_segment_indices, segment_indices

GOLDEN = Path(__file__).parents[1] / "golden" / "sampling.json"


def golden(kind):
    """Yields T, n and the indices (from 1) of keys like `val_T8_n100`."""
    for key, indices in json.loads(GOLDEN.read_text()).items():
        parts = key.split("_")
        if parts[0] == kind:
            yield int(parts[1][1:]), int(parts[2][1:]), indices


def test_centres_agree_with_the_reference():
    for num_frames, count, expected in golden("val"):
        indices = segment_indices(count, num_frames).numpy() + 1
        assert indices.tolist() == expected, (num_frames, count)


def test_offsets_agree_with_the_reference():
    for num_frames, count, expected in golden("train"):
        # The draws behind the stored numbers.
        random = np.random.RandomState(0)
        offsets = random.randint(max(count // num_frames, 1), size=num_frames)
        indices = segment_indices(count, num_frames, offsets).numpy() + 1
        assert indices.tolist() == expected, (num_frames, count)


def test_short_video_is_taken_whole_then_the_last_frame_repeats():
    assert segment_indices(3, 5).numpy().tolist() == [0, 1, 2, 2, 2]
    random = random_segment_indices(3, 5, [1, 2])
    assert random.numpy().tolist() == [0, 1, 2, 2, 2]
    assert segment_indices(1, 4).numpy().tolist() == [0, 0, 0, 0]


def test_random_indices_cover_each_segment_evenly():
    drawn = np.stack(
        [random_segment_indices(12, 3, [0, k]).numpy() for k in range(200)]
    )
    for segment in range(3):
        values, counts = np.unique(drawn[:, segment], return_counts=True)
        assert values.tolist() == [4 * segment + i for i in range(4)]
        assert counts.min() > 25  # 50 expected
    # Segments are drawn apart from each other.
    assert len(np.unique(drawn % 4, axis=0)) > 30


def test_same_seed_same_indices():
    first = random_segment_indices(100, 8, [3, 4])
    assert (
        first.numpy().tolist()
        == random_segment_indices(100, 8, [3, 4]).numpy().tolist()
    )
    assert (
        first.numpy().tolist()
        != random_segment_indices(100, 8, [3, 5]).numpy().tolist()
    )


def test_num_frames_must_be_positive():
    with pytest.raises(ValueError, match="num_frames=0"):
        segment_indices(10, 0)
