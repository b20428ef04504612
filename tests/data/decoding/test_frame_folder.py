"""Items that are folders of frames."""

import numpy as np
import pytest

from adafuse_tf.data import VideoError, count_frames, open_item, read_frames
from tests.data.items import (
    assert_single_frames_are_those_of_all,
    item,
    read_all,
)
from tests.data.videos import gradient_frames


@pytest.fixture
def folder(tmp_path):
    from PIL import Image

    for k, frame in enumerate(gradient_frames(12)):
        Image.fromarray(frame).save(tmp_path / f"img_{k + 1:03d}.png")
    return tmp_path


def folder_item(folder, num_frames=None, **extra):
    return item(
        folder, frame_pattern="img_%03d.png", num_frames=num_frames, extra=extra
    )


def test_reads_the_frames_in_order(folder):
    assert np.array_equal(read_all(folder_item(folder)), gradient_frames(12))
    assert_single_frames_are_those_of_all(folder_item(folder))
    assert_single_frames_are_those_of_all(folder_item(folder, 12), short_side=16)


def test_takes_as_many_frames_as_the_source_says(folder):
    assert len(read_all(folder_item(folder, 9))) == count_frames(folder_item(folder, 9))
    assert count_frames(folder_item(folder, 9)) == 9


@pytest.mark.parametrize("num_frames", [13, 100])
def test_too_few_frames_name_the_first_that_is_missing(folder, num_frames):
    message = f"the frame img_013.png is missing, 12 of {num_frames}"
    for read in (count_frames, read_all, lambda item: read_frames(item, [0])):
        with pytest.raises(VideoError, match=message):
            read(folder_item(folder, num_frames))


@pytest.mark.parametrize("num_frames", [None, 12])
def test_a_gap_names_the_frame(folder, num_frames):
    (folder / "img_007.png").unlink()
    with pytest.raises(VideoError, match="the frame img_007.png is missing"):
        count_frames(folder_item(folder, num_frames))


def test_frames_numbered_from_0(folder):
    (folder / "img_001.png").rename(folder / "img_000.png")
    with pytest.raises(VideoError, match="img_001.png.*the first is number 1"):
        count_frames(folder_item(folder))


@pytest.mark.parametrize("content", [b"", b"text"])
def test_a_damaged_frame_is_named(folder, content):
    (folder / "img_003.png").write_bytes(content)
    with pytest.raises(VideoError, match="the frame img_003.png is damaged"):
        read_all(folder_item(folder))
    assert read_frames(folder_item(folder), [3]).shape == (1, 32, 48, 3)


def test_a_frame_that_is_cut_short_is_named(folder):
    file = folder / "img_003.png"
    file.write_bytes(file.read_bytes()[:-60])
    with pytest.raises(VideoError, match="the frame img_003.png is damaged"):
        read_frames(folder_item(folder), [2])


def test_no_frames_by_its_source(folder):
    with pytest.raises(VideoError, match="by its source it has no frames"):
        read_frames(folder_item(folder, 0), [0])


def test_no_folder(tmp_path):
    with pytest.raises(VideoError, match="none: a folder.*does not exist"):
        count_frames(folder_item(tmp_path / "none"))


def test_no_frames_of_that_name(tmp_path):
    with pytest.raises(VideoError, match="img_001.png is missing"):
        count_frames(folder_item(tmp_path))


def test_frame_past_the_end(folder):
    with pytest.raises(VideoError, match="12 frames, there is none of index 40"):
        read_frames(folder_item(folder), [40])


def test_grey_frames_and_other_sizes_become_like_the_first(folder):
    from PIL import Image

    Image.new("L", (96, 64), 130).save(folder / "img_002.png")
    frames = read_all(folder_item(folder))
    assert frames.shape == (12, 32, 48, 3)
    assert (frames[1] == 130).all()
    assert np.array_equal(read_frames(folder_item(folder), [1])[0], frames[1])


def test_frame_rate_comes_from_the_manifest(folder):
    with open_item(folder_item(folder, frame_rate="12")) as video:
        assert video.frame_rate == 12
    halved = read_all(folder_item(folder, frame_rate="12"), fps=6)
    assert np.array_equal(halved, gradient_frames(12)[::2])


def test_resampling_needs_a_frame_rate(folder):
    with pytest.raises(ValueError, match="column `frame_rate`.*fps=6"):
        read_all(folder_item(folder), fps=6)
    with pytest.raises(ValueError, match="must be a number.*'fast'"):
        read_all(folder_item(folder, frame_rate="fast"))
