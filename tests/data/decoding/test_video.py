import numpy as np
import pytest

from adafuse_tf.data import VideoError, open_video, read_video
from tests.data.videos import gradient_frames, write_video
from tests.shared import SHARED, needs_shared

pytest.importorskip("av")

CLIPS = "data/clips/torchvision/test/assets/videos"


def noise(count=30):
    """Frames that do not compress, so that a share of the file is one of the video."""
    random = np.random.default_rng(0)
    return random.integers(0, 256, [count, 48, 64, 3], np.uint8)


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


@pytest.mark.parametrize(
    "name, codec",
    [("a.mp4", "libx264"), ("a.avi", "mpeg4"), ("a.webm", "libvpx")],
)
def test_reads_all_frames_in_order(tmp_path, name, codec):
    frames = gradient_frames(12)
    read = read_video(write_video(tmp_path / name, frames, codec))
    assert read.shape == frames.shape
    assert read.dtype == np.uint8
    error = np.abs(read.astype(int) - frames).mean(axis=(1, 2, 3))
    assert error.max() < 4  # neighbouring frames differ by 8


def test_channels_are_red_green_blue(tmp_path):
    frames = np.zeros([3, 32, 32, 3], np.uint8)
    frames[..., 0] = 200
    red, green, blue = read_video(write_video(tmp_path / "a.mp4", frames)).mean(
        (0, 1, 2)
    )
    assert red > 180 and green < 20 and blue < 20


@pytest.mark.parametrize("height, width", [(32, 48), (48, 32)])
def test_short_side_keeps_the_aspect(tmp_path, height, width):
    frames = gradient_frames(3, height, width)
    path = write_video(tmp_path / "a.mp4", frames)
    read = read_video(path, short_side=16)
    assert read.shape == (3, height // 2, width // 2, 3)
    halved = frames.reshape(3, height // 2, 2, width // 2, 2, 3).mean((2, 4))
    assert np.abs(read - halved).mean() < 4


def test_short_side_must_be_positive(tmp_path):
    path = write_video(tmp_path / "a.mp4", gradient_frames(1))
    with pytest.raises(ValueError, match="short_side=0"):
        read_video(path, short_side=0)


def test_tells_the_frame_rate(tmp_path):
    path = write_video(tmp_path / "a.mp4", gradient_frames(8), rate=25)
    with open_video(path) as video:
        assert video.frame_rate == pytest.approx(25)


def test_missing_file(tmp_path):
    with pytest.raises(VideoError, match="none.mp4: the file does not exist") as caught:
        read_video(tmp_path / "none.mp4")
    assert caught.value.path == str(tmp_path / "none.mp4")


@pytest.mark.parametrize("content, cause", [(b"", "0 bytes"), (b"hello\n" * 99, "not")])
def test_no_video(tmp_path, content, cause):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=f"a.mp4: .*{cause}"):
        read_video(path)


def test_sound_only(tmp_path):
    import av

    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        sound = av.AudioFrame.from_ndarray(
            np.zeros([1, 1024], np.float32), "fltp", "mono"
        )
        sound.sample_rate = 16000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match="no video stream"):
        read_video(path)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.97])
@pytest.mark.parametrize("movflags", ["", "faststart"])
def test_cut_mp4(tmp_path, movflags, share):
    options = {"movflags": movflags} if movflags else {}
    path = write_video(tmp_path / "a.mp4", noise(), options=options)
    assert len(read_video(path)) == 30
    with pytest.raises(VideoError):
        read_video(cut(path, share))


@pytest.mark.parametrize("share", [0.05, 0.5, 0.8])
@pytest.mark.parametrize("name, codec", [("a.webm", "libvpx"), ("a.avi", "mpeg4")])
def test_cut_in_other_containers(tmp_path, name, codec, share):
    path = write_video(tmp_path / name, noise(), codec)
    assert len(read_video(path)) == 30
    with pytest.raises(VideoError):
        read_video(cut(path, share))


@needs_shared(CLIPS)
def test_real_files_are_no_false_alarms():
    files = sorted(p for p in (SHARED / CLIPS).iterdir() if p.name != "README")
    # The .avi files hold packed frames and one a title that is not valid UTF-8.
    assert {file.suffix for file in files} == {".avi", ".mp4"}
    for file in files:
        assert read_video(file, short_side=16).shape[0] > 30
