"""Items read at another frame rate."""

import numpy as np
import pytest

from adafuse_tf.data import VideoError, open_item
from adafuse_tf.data.decoding.resample import resample
from tests.data.items import CLIPS, item, read_all
from tests.data.videos import gradient_frames, write_video
from tests.shared import SHARED, needs_shared

pytest.importorskip("av")


def brightness(frames):
    """Which of `gradient_frames` these are."""
    base = gradient_frames(1).mean()
    return ((frames.mean((1, 2, 3)) - base) / 8).round().astype(int).tolist()


@pytest.mark.parametrize(
    "fps, expected",
    [
        (10, list(range(12))),
        (5, [0, 2, 4, 6, 8, 10]),
        (20, [k // 2 for k in range(24)]),
        (4, [0, 2, 5, 7, 10]),  # 0, .25 (the earlier of two), .5, .75, 1 s
        (0.1, [0]),
    ],
)
@pytest.mark.parametrize("name, codec", [("a.mp4", "libx264"), ("a.avi", "mpeg4")])
def test_picks_the_nearest_in_time(tmp_path, name, codec, fps, expected):
    path = write_video(tmp_path / name, gradient_frames(12), codec)
    with open_item(item(path), fps=fps) as video:
        assert video.frame_rate == fps
        frames = np.stack(list(video.frames))
    assert brightness(frames) == expected
    original = read_all(item(path))
    assert np.array_equal(frames, original[expected])


def test_goes_by_the_times_of_the_frames(tmp_path):
    times = [0, 100, 200, 600, 1000, 1050, 1100]
    path = write_video(tmp_path / "a.mp4", gradient_frames(7), rate=1000, times=times)
    picked = brightness(read_all(item(path), fps=5))
    # 0, .2, .4 (the earlier of two), .6, .8 (the earlier of two), 1 s
    assert picked[:6] == [0, 2, 2, 3, 3, 4]


@pytest.mark.parametrize("times", [(0.0, 0.1, 0.05), (0.0, 0.1, 26 * 3600.0)])
def test_a_clock_that_jumps_is_an_error(times):
    timed = [(time, number) for number, time in enumerate(times)]
    with pytest.raises(VideoError, match="joined.ts: its clock jumps from 0.10 to"):
        list(resample(timed, 10, 0.1, "joined.ts"))


@pytest.mark.parametrize("argument", [{"fps": 0}, {"short_side": -1}])
def test_must_be_positive(tmp_path, argument):
    path = write_video(tmp_path / "a.mp4", gradient_frames(2))
    (name,) = argument
    with pytest.raises(ValueError, match=f"`{name}` must be positive"):
        read_all(item(path), **argument)


@needs_shared(CLIPS)
def test_resampling_packed_frames_keeps_their_order():
    path = SHARED / CLIPS / "TrumanShow_wave_f_nm_np1_fr_med_26.avi"
    frames = read_all(item(path), 32)
    with open_item(item(path)) as video:
        rate = video.frame_rate
    picked = read_all(item(path), 32, fps=rate / 2)
    assert np.array_equal(picked, frames[::2])
