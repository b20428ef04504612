import numpy as np
import pytest

from adafuse_tf.data import VideoError, count_frames, read_frames
from adafuse_tf.data.decoding import video_frames
from tests.data.items import (
    CLIPS,
    assert_single_frames_are_those_of_all,
    item,
    read_all,
)
from tests.data.videos import gradient_frames, moving_frames, write_video
from tests.shared import SHARED, needs_shared

av = pytest.importorskip("av")

ALL, GROUPS = "all", "groups"
# File, codec, its options, and what is decoded to read single frames: all, or only the
# groups of pictures that hold them.
ENCODINGS = [
    ("no_b.avi", "mpeg4", {"g": "6"}, GROUPS),
    ("b.avi", "mpeg4", {"g": "6", "bf": "2"}, ALL),
    ("b.mp4", "mpeg4", {"g": "6", "bf": "2"}, ALL),
    ("b.mp4", "libx264", {"g": "6", "bf": "3"}, GROUPS),
    ("b.mkv", "libx264", {"g": "6", "bf": "3"}, GROUPS),
    ("b.avi", "libx264", {"g": "6", "bf": "3"}, ALL),
    ("b.ts", "libx264", {"g": "6", "bf": "3"}, ALL),
    ("p.mp4", "libx264", {"x264-params": "keyint=6:bframes=5:b-pyramid=2"}, GROUPS),
    ("open.mp4", "libx264", {"x264-params": "keyint=6:open-gop=1:bframes=3"}, GROUPS),
    ("refresh.mp4", "libx264", {"x264-params": "keyint=8:intra-refresh=1"}, GROUPS),
    ("field.mp4", "libx264", {"x264-params": "keyint=6:interlaced=1"}, GROUPS),
    ("a.webm", "libvpx", {"g": "6", "lag-in-frames": "9", "auto-alt-ref": "1"}, GROUPS),
    ("a.webm", "libvpx-vp9", {"g": "6", "cpu-used": "8"}, GROUPS),
    ("a.mp4", "libx265", {"x265-params": "keyint=6:log-level=none"}, ALL),
    ("a.mpg", "mpeg2video", {"g": "6", "bf": "2"}, ALL),
    ("a.avi", "mjpeg", {}, ALL),
]


def decoded_packets(monkeypatch, item, indices):
    """How many packets are decoded to read these frames."""
    decoded = []
    decode = video_frames._decode_group

    def counted(path, context, group, wanted):
        decoded.append(len(group.packets) if wanted else 0)
        return decode(path, context, group, wanted)

    monkeypatch.setattr(video_frames, "_decode_group", counted)
    read_frames(item, indices)
    return sum(decoded)


@pytest.mark.parametrize("name, codec, options, how", ENCODINGS)
def test_single_frames_are_those_of_all(tmp_path, name, codec, options, how):
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV cannot write {codec}")
    path = write_video(tmp_path / name, moving_frames(20), codec, codec_options=options)
    assert_single_frames_are_those_of_all(item(path))
    try:
        video_frames._read_groups(str(path), range(20), None)
        assert how == GROUPS
    except video_frames.NotCountable:
        assert how == ALL


@pytest.mark.parametrize(
    "name, codec", [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx")]
)
def test_single_frames_of_a_variable_frame_rate(tmp_path, name, codec):
    times = np.cumsum(np.random.default_rng(0).integers(20, 300, 20))
    options = {"g": "6"}
    path = write_video(
        tmp_path / name,
        moving_frames(20),
        codec,
        rate=1000,
        codec_options=options,
        times=times,
    )
    assert_single_frames_are_those_of_all(item(path), short_side=24)


def test_only_the_group_of_a_frame_is_decoded(tmp_path, monkeypatch):
    options = {"x264-params": "keyint=5:min-keyint=5:scenecut=0"}
    path = write_video(tmp_path / "a.mp4", moving_frames(20), codec_options=options)
    assert decoded_packets(monkeypatch, item(path), [12]) == 5
    assert decoded_packets(monkeypatch, item(path), [12, 14, 3]) == 10


def write_with_hidden_frames(path, frames, hidden):
    """Writes VP8 whose frames of some indices are not to be shown."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libvpx", rate=10, options={"g": "6"})
        stream.height, stream.width = frames.shape[1:3]
        pictures = [av.VideoFrame.from_ndarray(f, format="rgb24") for f in frames]
        packets = [p for f in [*pictures, None] for p in stream.encode(f)]
        for k, packet in enumerate(packets):
            content = bytearray(bytes(packet))
            if k in hidden:
                content[0] &= ~(1 << 4)
            changed = av.Packet(bytes(content))
            changed.pts, changed.dts = packet.pts, packet.dts
            changed.time_base, changed.stream = packet.time_base, stream
            changed.is_keyframe = packet.is_keyframe
            out.mux(changed)
    return path


def test_frames_that_are_for_reference_only_do_not_count(tmp_path):
    hidden = [2, 3, 8, 14]
    path = write_with_hidden_frames(tmp_path / "a.webm", moving_frames(20), hidden)
    assert count_frames(item(path)) == 16
    assert_single_frames_are_those_of_all(item(path))


def copy_trimmed(source, path, skipped):
    """Copies an MP4 so that it begins to show only after `skipped` frames.

    A copy, since x264 does not give the same stream for the same frames every time.
    """
    with (
        av.open(str(source)) as whole,
        av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as out,
    ):
        stream = whole.streams.video[0]
        copied = out.add_stream_from_template(stream)
        delay = int(skipped / stream.average_rate / stream.time_base)
        for packet in whole.demux(stream):
            if packet.dts is not None:
                packet.pts -= delay
                packet.dts -= delay
                packet.stream = copied
                out.mux(packet)
    return path


def test_frames_that_are_edited_out_do_not_count(tmp_path):
    options = {"g": "6", "bf": "0"}
    path = write_video(tmp_path / "a.mp4", moving_frames(20), codec_options=options)
    trimmed = item(copy_trimmed(path, tmp_path / "b.mp4", skipped=8))
    assert_single_frames_are_those_of_all(trimmed)
    read, whole = read_all(trimmed), read_all(item(path))
    # FFmpeg's versions differ by a frame in where such a video begins.
    assert len(read) in (11, 12, 13) and len(whole) == 20
    assert np.array_equal(read, whole[-len(read) :])


@needs_shared(CLIPS)
def test_single_frames_of_real_videos():
    for path in sorted((SHARED / CLIPS).iterdir()):
        if path.name == "README":
            continue
        frames = read_all(item(path), 64)
        assert count_frames(item(path)) == len(frames)
        indices = np.random.default_rng(0).integers(0, len(frames), 4)
        assert np.array_equal(read_frames(item(path), indices, 64), frames[indices])


@pytest.mark.parametrize("codec, name", [("libx264", "a.mp4"), ("mjpeg", "a.avi")])
def test_frame_past_the_end(tmp_path, codec, name):
    path = write_video(tmp_path / name, gradient_frames(5), codec)
    with pytest.raises(VideoError, match="5 frames, there is none of index 5"):
        read_frames(item(path), [0, 5])


@pytest.mark.parametrize("indices", [[], [0, -1]])
def test_indices_that_are_none(tmp_path, indices):
    path = write_video(tmp_path / "a.mp4", gradient_frames(2))
    with pytest.raises(ValueError, match="`indices` must be.*Received: indices="):
        read_frames(item(path), indices)


@pytest.mark.parametrize("share", [0.5, 0.95])
@pytest.mark.parametrize("name, codec", [("a.mp4", "libx264"), ("a.avi", "mjpeg")])
def test_a_video_that_is_cut_short_is_no_source_of_frames(tmp_path, name, codec, share):
    options = {"movflags": "faststart"} if codec == "libx264" else {}
    path = write_video(tmp_path / name, moving_frames(30), codec, options=options)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    for read in (count_frames, lambda item: read_frames(item, [0])):
        with pytest.raises(VideoError, match=name):
            read(item(path))
