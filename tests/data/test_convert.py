import hashlib
import json

import pytest
import tensorflow as tf

from adafuse_tf.data import load_dataset_info, read_manifest, record_files, records
from adafuse_tf.data.convert import convert, summary
from tests.data.videos import gradient_frames, write_manifest, write_video

pytest.importorskip("av")


@pytest.fixture
def items(tmp_path):
    """Ten training and three validation videos; video k has 3 + k frames."""
    rows = []
    for k in range(13):
        write_video(tmp_path / "videos" / f"{k}.mp4", gradient_frames(3 + k))
        rows.append((f"{k}.mp4", ["up", "down"][k % 2], "train" if k < 10 else "val"))
    return read_manifest(write_manifest(tmp_path / "m.csv", rows))


def read(folder, split):
    """Media id, label and number of frames of each record, in order."""
    dataset = tf.data.TFRecordDataset(record_files(folder, split))
    clips = [records.parse_clip(record) for record in dataset]
    return [
        (c["media_id"].numpy().decode(), int(c["label"]), len(c["frames"]))
        for c in clips
    ]


def digests(folder):
    files = sorted(folder.glob("*.tfrecord"))
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_every_video_becomes_one_record(items, tmp_path):
    result = convert(items, tmp_path / "out", num_shards=2, workers=2)
    train = read(tmp_path / "out", "train")
    # down is 0 and up is 1: sorted names.
    assert sorted(train) == sorted((f"{k}.mp4", 1 - k % 2, 3 + k) for k in range(10))
    validation = read(tmp_path / "out", "val")
    assert validation == [(f"{k}.mp4", 1 - k % 2, 3 + k) for k in range(10, 13)]
    assert result.bad == {}
    assert load_dataset_info(tmp_path / "out") == result.info
    assert result.info.labels == ("down", "up")
    assert result.info.splits["train"].clips_per_label == {"down": 5, "up": 5}
    assert sorted(digests(tmp_path / "out")) == [
        "train-00000-of-00002.tfrecord",
        "train-00001-of-00002.tfrecord",
        "val-00000-of-00002.tfrecord",
        "val-00001-of-00002.tfrecord",
    ]


def test_training_order_is_shuffled_and_the_same_for_any_workers(items, tmp_path):
    convert(items, tmp_path / "one", num_shards=3, workers=1)
    convert(items, tmp_path / "many", num_shards=3, workers=4)
    assert digests(tmp_path / "one") == digests(tmp_path / "many")
    names = [name for name, *_ in read(tmp_path / "one", "train")]
    assert names != [f"{k}.mp4" for k in range(10)]


def test_unreadable_videos_are_reported_and_the_rest_converted(items, tmp_path):
    items[2].path.write_bytes(b"")
    items[11].path.unlink()
    result = convert(items, tmp_path / "out", workers=2)
    assert sorted(result.bad) == ["11.mp4", "2.mp4"]
    assert "0 bytes" in result.bad["2.mp4"]
    assert len(read(tmp_path / "out", "train")) == 9
    assert len(read(tmp_path / "out", "val")) == 2
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["num_clips"], report["num_bad"]) == (11, 2)
    assert {bad["path"] for bad in report["bad"]} == {"2.mp4", "11.mp4"}
    lines = summary(result, tmp_path / "out").splitlines()
    assert sum(line.startswith("unreadable: ") for line in lines) == 2
    assert "val: 2 clips (down 0, up 2)" in lines


def test_nothing_readable_writes_no_dataset(items, tmp_path):
    for item in items:
        item.path.write_bytes(b"text")
    with pytest.raises(ValueError, match="None of the 13 videos could be read"):
        convert(items, tmp_path / "out", workers=2)
    assert not list((tmp_path / "out").glob("*.tfrecord"))
    assert not (tmp_path / "out" / "dataset.json").exists()


def test_a_new_conversion_replaces_the_earlier_one(items, tmp_path):
    convert(items, tmp_path / "out", num_shards=3, workers=2)
    (tmp_path / "out" / "mine.tfrecord").write_bytes(b"")
    convert(items, tmp_path / "out", num_shards=1, workers=2)
    assert sorted(digests(tmp_path / "out")) == [
        "mine.tfrecord",
        "train-00000-of-00001.tfrecord",
        "val-00000-of-00001.tfrecord",
    ]


def test_an_interrupted_conversion_leaves_no_records(items, tmp_path, monkeypatch):
    calls = []

    def interrupted(*args, **kwargs):
        calls.append(args)
        if len(calls) > 20:
            raise KeyboardInterrupt
        return b"\xff\xd8"

    monkeypatch.setattr(records, "encode_frame", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert(items, tmp_path / "out", num_shards=1, workers=1)
    assert not list((tmp_path / "out").glob("*.tfrecord"))
    monkeypatch.undo()
    convert(items, tmp_path / "out", num_shards=2, workers=1)
    assert not list((tmp_path / "out").glob("*.incomplete"))


def test_short_side_is_applied_and_noted(items, tmp_path):
    result = convert(items, tmp_path / "out", short_side=16, workers=2)
    assert result.info.short_side == 16
    dataset = tf.data.TFRecordDataset(record_files(tmp_path / "out", "val"))
    for record in dataset:
        jpeg = records.parse_clip(record)["frames"][0]
        assert tf.io.decode_jpeg(jpeg).shape == (16, 24, 3)


@pytest.mark.parametrize(
    "argument", [{"num_shards": 0}, {"jpeg_quality": 101}, {"workers": 0}]
)
def test_numbers_out_of_range(items, tmp_path, argument):
    (name,) = argument
    with pytest.raises(ValueError, match=f"{name}={argument[name]}"):
        convert(items, tmp_path / "out", **argument)
