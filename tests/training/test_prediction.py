"""Video files in, labels out."""

import av
import numpy as np
import pytest

from adafuse_tf.data import Preprocessing, VideoError
from adafuse_tf.training import Prediction, predict_videos
from tests.training.conftest import FRAMES, SIZE, build_tiny, settings


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "video.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for level in range(0, 200, 20):
            frame = np.full((32, 32, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode(None))
    return path


def test_broken_videos_do_not_stop_the_others(video, tmp_path):
    model = build_tiny(settings("unused"), 3)
    (tmp_path / "broken.mp4").write_text("no video")
    paths = [tmp_path / "broken.mp4", video, tmp_path / "absent.mp4"]
    preprocessing = Preprocessing(FRAMES, SIZE, SIZE)
    results = list(predict_videos(model, preprocessing, "abc", paths, top_k=2))
    assert [type(r) for r in results] == [VideoError, Prediction, VideoError]
    good = results[1]
    assert len(good.top) == 2 and good.top[0][1] >= good.top[1][1]
    assert sum(good.policy.values()) == pytest.approx(1)
    assert 0 < good.gmacs <= model.dense_gmacs(FRAMES, SIZE, SIZE)
    assert str(good).startswith(str(video)) and "GMACs" in str(good)
