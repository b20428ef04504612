"""Every format, in the layout that it is published in."""

import numpy as np
import pytest

from adafuse_tf.data import (
    count_frames,
    open_item,
    read_frames,
    read_source,
    read_video,
)
from adafuse_tf.data.sources import FORMATS
from tests.data.layouts import frames_of, write_layout
from tests.shared import SHARED, needs_shared

pytest.importorskip("av")

CLIPS = SHARED / "data/clips/torchvision/test/assets/videos"
# Two with B-frames packed as DivX does it, and one without B-frames.
REAL = (
    "TrumanShow_wave_f_nm_np1_fr_med_26.avi",
    "RATRACE_wave_f_nm_np1_fr_goo_37.avi",
    "v_SoccerJuggling_g23_c01.avi",
)
FRAME_FORMATS = ("frame_lists", "something_v1", "jester")


def found(items):
    return [(i.name, i.label, i.split, count_frames(i)) for i in items]


@pytest.mark.parametrize("format", FORMATS)
def test_reads_what_was_written(tmp_path, format):
    annotations, video_root, expected = write_layout(format, tmp_path)
    items = read_source(format, annotations, video_root=video_root)
    assert found(items) == expected
    assert read_source(format, annotations) == items  # finds the videos by itself
    for item, (*_, num_frames) in zip(items, expected, strict=True):
        with open_item(item) as video:
            frames = np.stack(list(video.frames))
        error = np.abs(frames.astype(int) - frames_of(num_frames)).mean((1, 2, 3))
        assert error.max() < 4  # neighbouring frames differ by 8
        assert np.array_equal(read_frames(item, [num_frames - 1, 0]), frames[[-1, 0]])


@needs_shared("data/clips")
@pytest.mark.parametrize("format", FORMATS)
def test_reads_real_videos(tmp_path, format):
    files = [CLIPS / name for name in REAL]
    annotations, video_root, expected = write_layout(format, tmp_path, files)
    items = read_source(format, annotations, video_root=video_root)
    assert found(items) == expected
    originals = {len(frames): frames for frames in map(read_video, files)}
    assert sorted(originals) == [48, 72, 240]
    for item, (*_, num_frames) in zip(items, expected, strict=True):
        indices = [num_frames - 1, 0, num_frames // 2]
        read = read_frames(item, indices)
        error = np.abs(read.astype(int) - originals[num_frames][indices]).mean()
        assert error < 2 if format in FRAME_FORMATS else error == 0  # JPEG loses a bit
