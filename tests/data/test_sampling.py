import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.data import Sampler, random_segment_indices, segment_indices
from tests.shared import SHARED, needs_shared

GOLDEN = Path(__file__).parents[1] / "golden" / "sampling.json"
SEEDS = [(0, k) for k in range(40)]


def golden(kind):
    """Yields T, n and the indices (from 1) of keys like `val_T8_n100`."""
    entries = json.loads(GOLDEN.read_text())
    assert {key.split("_")[0] for key in entries} == {"train", "val"}  # all are used
    for key, indices in entries.items():
        parts = key.split("_")
        if parts[0] == kind:
            yield int(parts[1][1:]), int(parts[2][1:]), indices


@needs_shared("parity/extra/sampling.json")
def test_the_reference_is_the_published_one():
    published = SHARED / "parity" / "extra" / "sampling.json"
    assert json.loads(GOLDEN.read_text()) == json.loads(published.read_text())


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


SAMPLERS = [Sampler("segments"), Sampler("dense", 3), Sampler("uniform")]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: s.type)
@pytest.mark.parametrize("count", [1, 2, 4, 5, 11, 12, 40])
def test_every_sampler_stays_in_the_video_and_in_order(sampler, count):
    num_frames = 5
    clips = [sampler.random_clip(count, num_frames, seed) for seed in SEEDS[:10]]
    clips += tf.unstack(sampler.clips(count, num_frames, 3))
    for clip in np.stack(clips):
        assert clip.shape == (num_frames,)
        assert clip.min() >= 0 and clip.max() < count
        assert (np.diff(clip) >= 0).all()
        if count <= num_frames:
            stride = sampler.stride if sampler.type == "dense" else 1
            whole = np.minimum(stride * np.arange(num_frames), count - 1)
            assert clip.tolist() == whole.tolist()


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: s.type)
def test_a_seed_gives_the_same_frames(sampler):
    drawn = [sampler.random_clip(60, 4, seed).numpy().tolist() for seed in SEEDS]
    again = [sampler.random_clip(60, 4, seed).numpy().tolist() for seed in SEEDS]
    assert drawn == again
    distinct = len({tuple(clip) for clip in drawn})
    assert distinct == 1 if sampler.type == "uniform" else distinct > 20


def test_segments_of_one_clip_are_the_centres():
    for count in (3, 8, 57):
        one = Sampler().clips(count, 8)
        assert one.numpy().tolist() == [segment_indices(count, 8).numpy().tolist()]


def test_segments_of_several_clips_divide_each_segment():
    clips = Sampler().clips(24, 4, 3).numpy()
    # Segments of six frames, places 1, 3 and 5 of each.
    assert clips.tolist() == [[p + 6 * k for k in range(4)] for p in (1, 3, 5)]


def test_dense_windows_reach_from_the_start_to_the_end():
    dense = Sampler("dense", 2)
    assert dense.clips(20, 4, 3).numpy().tolist() == [
        [0, 2, 4, 6],
        [7, 9, 11, 13],
        [13, 15, 17, 19],
    ]
    assert dense.clips(20, 4).numpy().tolist() == [[6, 8, 10, 12]]
    starts = {int(dense.random_clip(10, 4, seed)[0]) for seed in SEEDS}
    assert starts == {0, 1, 2, 3}  # every one that leaves room


def test_uniform_is_linspace():
    for count, num_frames in ((9, 5), (100, 8), (7, 3)):
        expected = np.floor(np.linspace(0, count - 1, num_frames) + 0.5)
        found = Sampler("uniform").clips(count, num_frames).numpy()
        assert found.tolist() == [expected.tolist()]
    # Clips together: all of linspace, dealt out.
    three = Sampler("uniform").clips(12, 4, 3).numpy()
    assert three.T.ravel().tolist() == list(range(12))
    assert Sampler("uniform").clips(9, 1).numpy().tolist() == [[4]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"type": "tsn"}, "segments, dense, uniform.*'tsn'"), ({"stride": 0}, "stride=0")],
)
def test_wrong_samplers(arguments, message):
    with pytest.raises(ValueError, match=message):
        Sampler(**arguments)
    with pytest.raises(ValueError, match="num_clips=0"):
        Sampler().clips(10, 4, 0)
