"""Data sets on a web server, which can be read but not searched."""

import numpy as np
import pytest

from adafuse_tf.data import (
    VideoError,
    count_frames,
    open_video,
    read_frames,
    read_source,
)
from tests.data.items import read_all
from tests.data.layouts import write_layout
from tests.io.web_server import WebServer

pytest.importorskip("av")


@pytest.fixture
def server(tmp_path):
    import threading

    with WebServer(tmp_path) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    "format, annotations",
    [
        ("manifest", "manifest.csv"),
        ("something_v2", "labels"),
        ("ucf101", "ucfTrainTestlist"),
        ("kinetics", "train.csv,{url}/validate.csv"),
        (
            "frame_lists",
            "lists/train_videofolder.txt,{url}/lists/valid_videofolder.txt,"
            "{url}/lists/category.txt",
        ),
    ],
)
def test_reads_the_same_as_from_disk(tmp_path, server, format, annotations):
    local, video_root, expected = write_layout(format, tmp_path)
    video_root = video_root.replace(str(tmp_path), server.url)
    annotations = "{url}/" + annotations
    items = read_source(
        format, annotations.format(url=server.url), video_root=video_root
    )
    assert [i.path.startswith(server.url) for i in items] == [True] * 3
    assert [(i.name, i.label, i.split, count_frames(i)) for i in items] == expected
    for item, there in zip(items, read_source(format, local), strict=True):
        assert np.array_equal(read_all(item), read_all(there))
        assert np.array_equal(read_frames(item, [3]), read_frames(there, [3]))


def test_a_missing_video_is_named(server):
    url = f"{server.url}/none.mp4"
    with pytest.raises(VideoError, match="none.mp4: the file does not exist"):
        with open_video(url):
            pass


def test_a_missing_frame_is_named(tmp_path, server):
    _, video_root, _ = write_layout("frame_lists", tmp_path)
    files = [f"{server.url}/lists/{w}_videofolder.txt" for w in ("train", "valid")]
    item = read_source(
        "frame_lists", ",".join(files), video_root=f"{server.url}/frames"
    )[0]
    (tmp_path / "frames" / item.name / "00003.jpg").unlink()
    with pytest.raises(VideoError, match="the frame 00003.jpg is missing"):
        read_all(item)


def test_frames_of_unknown_number(tmp_path, server):
    write_layout("jester", tmp_path)
    url = f"{server.url}/annotations"
    items = read_source("jester", url, video_root=f"{server.url}/20bn-jester-v1")
    with pytest.raises(VideoError, match="number of frames is not known.*web server"):
        count_frames(items[0])
