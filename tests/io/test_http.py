"""Data on a web server: read, and nothing else."""

import shutil

import numpy as np
import pytest

from adafuse_tf import data, files
from adafuse_tf.training import (
    ModelDir,
    evaluate_records,
    load_trained,
    run_experiment,
)
from tests.data.videos import gradient_frames, write_manifest, write_video
from tests.training.conftest import SETTINGS, write_records

REFUSED = "Files of a web server cannot be"


def test_text_and_what_there_is(web_server):
    (web_server.folder / "a.txt").write_text("Grüße\n", encoding="utf-8")
    path = f"{web_server.url}/a.txt"
    assert files.read_text(path) == "Grüße\n"
    assert files.read_text(f"{path}?signature=x") == "Grüße\n"
    assert files.is_file(path) and not files.is_dir(path)
    assert not files.exists(f"{web_server.url}/b.txt")
    assert files.is_dir(f"{web_server.url}/records")
    assert files.is_dir(f"{web_server.url}/v1.0/")


def test_existence_costs_no_download(web_server):
    (web_server.folder / "large").write_bytes(b"x" * 1000)
    (web_server.folder / "empty").write_bytes(b"")
    assert files.exists(f"{web_server.url}/large")
    assert web_server.requests == [("/large", "bytes=0-0")]
    assert files.exists(f"{web_server.url}/empty")


def test_what_cannot_be_done_is_said_in_one_line(web_server):
    url = web_server.url
    for act in (
        lambda: files.write_text(f"{url}/a", ""),
        lambda: files.make_dirs(f"{url}/a"),
        lambda: files.remove(f"{url}/a"),
        lambda: files.replace(f"{url}/a", f"{url}/b"),
        lambda: files.list_dir(f"{url}/a"),
        lambda: files.glob(f"{url}/*"),
    ):
        with pytest.raises(OSError, match=f"{REFUSED} .*Received: '{url}/"):
            act()
    with pytest.raises(FileNotFoundError, match=f"Received: '{url}/none'"):
        files.read_text(f"{url}/none")
    web_server.status = 503
    with pytest.raises(OSError, match=f"refuses '{url}/a': 503"):
        files.exists(f"{url}/a")
    with pytest.raises(OSError, match="Cannot reach 'http://127.0.0.1:1/a'"):
        files.exists("http://127.0.0.1:1/a")
    web_server.status = None
    (web_server.folder / "cut").write_bytes(b"x" * 1000)
    web_server.missing_bytes = 1
    with pytest.raises(OSError, match=f"broke off: {url}/cut"):
        files.read_text(f"{url}/cut")
    with pytest.raises(OSError, match=REFUSED):
        ModelDir(f"{url}/run").fetch()


def test_manifest_and_videos(web_server, tmp_path):
    frames = gradient_frames(8)
    write_video(web_server.folder / "clips" / "v.mp4", frames)
    write_manifest(
        web_server.folder / "clips" / "m.csv", [("v.mp4", "a label", "train")]
    )
    (item,) = data.read_manifest(f"{web_server.url}/clips/m.csv")
    assert item.path == f"{web_server.url}/clips/v.mp4"
    local = data.read_video(web_server.folder / "clips" / "v.mp4")
    np.testing.assert_array_equal(data.read_video(item.path), local)


@pytest.mark.usefixtures("tensorflow_io", "tiny_model", "clips_in_memory")
def test_train_and_evaluate(web_server, tmp_path):
    write_records(web_server.folder / "records", {"train": 4, "validation": 4})
    records = f"{web_server.url}/records"
    metrics = run_experiment(
        "train_and_eval",
        tmp_path / "run",
        overrides=[f"task.data_dir={records}"]
        + [f"{key}={value}" for key, value in SETTINGS.items()]
        + ["trainer.epochs=1"],
    )
    assert metrics["num_clips"] == 8
    found = evaluate_records(tmp_path / "run", f"{records}/validation-*")
    assert found["confusion"] == metrics["confusion"]
    everything = evaluate_records(tmp_path / "run", records)
    assert everything["num_clips"] == 16
    # A trained model may lie there, too.
    shutil.copytree(tmp_path / "run", web_server.folder / "run")
    assert load_trained(f"{web_server.url}/run")[2] == ("darker", "lighter")
    with pytest.raises(FileNotFoundError, match="No record file matches .*/test-*"):
        evaluate_records(tmp_path / "run", f"{records}/test-*")


def test_server_that_sends_whole_files_only(tensorflow_io, web_server):
    write_records(web_server.folder / "records", {"train": 1})
    web_server.ranges = False
    with pytest.raises(OSError, match=r"sends parts of a file \(Range requests\)"):
        data.clips(f"{web_server.url}/records", data.Preprocessing(), 1, training=False)
