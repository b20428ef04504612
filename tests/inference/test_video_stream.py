"""One video, frame by frame, through whatever runs the model."""

import av
import numpy as np
import pytest

from adafuse_tf.data import VideoError, read_video, segment_indices
from adafuse_tf.export import write_litert
from adafuse_tf.inference import (
    FrameAnswer,
    StreamSummary,
    VideoStream,
    open_exported,
    stream_videos,
)
from adafuse_tf.training import Prediction, predict_videos_with_export
from tests.export.tiny import LABELS, camera, expected

FRAMES = camera(9, 24, 32)


@pytest.fixture
def model(exports):
    return exports.model


def source(exports, kind):
    return {
        "keras": lambda: exports.model,
        "saved_model": lambda: exports.saved_model.parent,
        "litert": lambda: exports.float32,
    }[kind]()


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "video.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width = FRAMES.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in FRAMES:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("kind", ["keras", "saved_model", "litert"])
def test_running_answers_are_those_of_the_clip_so_far(model, exports, kind):
    stream = VideoStream(source(exports, kind))
    for _ in range(2):
        total, answers = 0.0, []
        for count, part in ((1, FRAMES[0]), (2, FRAMES[1]), (6, FRAMES[2:6])):
            answer = stream.push(part)
            answers.append(answer)
            total += answer.gmacs
            wanted = expected(model, FRAMES[None, :count])
            np.testing.assert_allclose(
                answer.probabilities, wanted["probabilities"][0], rtol=1e-4, atol=1e-5
            )
            assert stream.num_frames == count
            np.testing.assert_allclose(total, wanted["gmacs"][0], rtol=1e-5)
            np.testing.assert_allclose(stream.gmacs, total, rtol=1e-9)
        actions = np.concatenate(
            [np.concatenate([a.actions[g] for g in model.gates], -1) for a in answers]
        )
        np.testing.assert_array_equal(actions, wanted["actions"][0])
        last = answers[-1].policy
        assert last["skip"] == pytest.approx(np.mean(actions[2:] == 0), abs=1e-6)
        assert sum(last.values()) == pytest.approx(1)
        name = int(wanted["classes"][0])
        assert answer.label == (str(name) if kind == "keras" else LABELS[name])
        assert 0 < stream.state_bytes < 1e5
        stream.reset()  # and the same video again


@pytest.mark.parametrize("kind", ["keras", "litert"])
def test_frames_smaller_than_the_crop(model, exports, kind):
    stream = VideoStream(source(exports, kind))
    for shape in ((1, 1, 3), (5, 40, 3)):
        stream.reset()
        frame = np.full(shape, 99, "uint8")
        wanted = expected(model, frame[None, None])
        found = stream.push(frame).probabilities
        np.testing.assert_allclose(found, wanted["probabilities"][0], rtol=1e-4)


def test_whole_videos_in_a_file_of_fewer_frames(model, video, tmp_path):
    path = tmp_path / "two.tflite"
    write_litert(model, LABELS, {"float32": path}, num_frames=2)
    (prediction,) = predict_videos_with_export(open_exported(path), [video])
    frames = read_video(video)
    chosen = segment_indices(len(frames), 2).numpy()
    wanted = expected(model, frames[None, chosen])
    assert prediction.gmacs == pytest.approx(wanted["gmacs"][0], rel=1e-5)


def test_video_files(model, exports, video, tmp_path):
    stream = VideoStream(exports.float32)
    absent = tmp_path / "absent.mp4"
    lines = list(stream_videos(stream, [video, absent, video], frame_step=2))
    kinds = [FrameAnswer] * 5 + [StreamSummary]
    assert [type(line) for line in lines] == [*kinds, VideoError, *kinds]
    assert [line.frame for line in lines[:5]] == [0, 2, 4, 6, 8]
    wanted = expected(model, read_video(video)[None, ::2])
    for summary in (lines[5], lines[-1]):
        np.testing.assert_allclose(summary.gmacs, wanted["gmacs"][0], rtol=1e-5)
        assert summary.policy["keep"] == pytest.approx(
            wanted["keep_share"][0], abs=1e-6
        )
        assert f"{wanted['probabilities'].max():.1%} after 5 frames" in str(summary)
        assert "ms per frame" in str(summary) and "skip" in str(summary)
    assert str(lines[0]).startswith("frame 0: ") and " ms; " in str(lines[0])
    with pytest.raises(ValueError, match="frame_step=0"):
        next(stream_videos(stream, [video], 0))


@pytest.mark.parametrize("kind", ["saved_model", "litert"])
def test_whole_videos(model, exports, video, tmp_path, kind):
    exported = open_exported(source(exports, kind))
    paths = [tmp_path / "absent.mp4", video]
    error, prediction = predict_videos_with_export(exported, paths, top_k=2)
    assert isinstance(error, VideoError) and isinstance(prediction, Prediction)
    frames = read_video(video)
    chosen = segment_indices(len(frames), model.preprocessing.num_frames).numpy()
    wanted = expected(model, frames[None, chosen])
    assert prediction.top[0][0] == LABELS[int(wanted["classes"][0])]
    assert prediction.top[0][1] == pytest.approx(
        wanted["probabilities"].max(), rel=1e-4
    )
    assert prediction.policy["reuse"] == pytest.approx(
        wanted["reuse_share"][0], abs=1e-6
    )
