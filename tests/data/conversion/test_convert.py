import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.data import (
    FORMATS,
    DatasetInfo,
    SplitInfo,
    load_dataset_info,
    read_manifest,
    read_source,
    record_files,
    records,
)
from adafuse_tf.data.conversion import convert
from adafuse_tf.data.conversion.convert import summary
from adafuse_tf.data.conversion.encode_item import encode_item
from tests.data.layouts import frames_of, write_layout
from tests.data.videos import gradient_frames, write_manifest, write_video

pytest.importorskip("av")

SIDECARS = ("dataset.json", "report.json", "shards.json")


@pytest.fixture
def items(tmp_path):
    """Ten training and three validation videos; video k has 3 + k frames."""
    rows = []
    for k in range(13):
        write_video(tmp_path / "videos" / f"{k}.mp4", gradient_frames(3 + k))
        rows.append((f"{k}.mp4", ["up", "down"][k % 2], "train" if k < 10 else "val"))
    return read_manifest(write_manifest(tmp_path / "m.csv", rows))


def run(items, folder, workers=1, **options):
    return convert.convert(items, folder, workers=workers, **options)


def read(folder, split):
    """Media id, label and number of frames of each record, in order."""
    dataset = tf.data.TFRecordDataset(record_files(folder, split))
    clips = [records.parse_clip(record) for record in dataset]
    return [
        (c["media_id"].numpy().decode(), int(c["label"]), len(c["frames"]))
        for c in clips
    ]


def digests(folder, pattern="*.tfrecord"):
    files = sorted(Path(folder).glob(pattern))
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def inodes(folder):
    return {f.name: f.stat().st_ino for f in Path(folder).glob("*.tfrecord*")}


def test_every_video_becomes_one_record(items, tmp_path):
    result = run(items, tmp_path / "out", num_shards=2)
    train = read(tmp_path / "out", "train")
    # down is 0 and up is 1: sorted names.
    assert sorted(train) == sorted((f"{k}.mp4", 1 - k % 2, 3 + k) for k in range(10))
    validation = read(tmp_path / "out", "val")
    assert validation == [(f"{k}.mp4", 1 - k % 2, 3 + k) for k in range(10, 13)]
    assert (result.bad, result.num_new) == ({}, 13)
    assert load_dataset_info(tmp_path / "out") == result.info
    assert result.info.labels == ("down", "up")
    assert result.info.splits["train"].clips_per_label == {"down": 5, "up": 5}
    names = [f"{s}-0000{k}-of-00002.tfrecord" for s in ("train", "val") for k in (0, 1)]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(
        [*names, *SIDECARS]
    )


def test_training_order_is_shuffled_and_the_same_for_any_workers(items, tmp_path):
    run(items, tmp_path / "one", num_shards=3)
    run(items, tmp_path / "many", workers=3, num_shards=3)
    assert digests(tmp_path / "one", "*") == digests(tmp_path / "many", "*")
    names = [name for name, *_ in read(tmp_path / "one", "train")]
    assert names != [f"{k}.mp4" for k in range(10)]


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_can_be_read_back(format, tmp_path):
    annotations, video_root, expected = write_layout(format, tmp_path / "in")
    items = read_source(format, annotations, video_root=video_root)
    info = run(items, tmp_path / "out", num_shards=1).info
    assert info.labels == tuple(sorted({label for _, label, *_ in expected}))
    for split in ("train", "validation"):
        assert sorted(read(tmp_path / "out", split)) == sorted(
            (name, info.labels.index(label), count)
            for name, label, of, count in expected
            if of == split
        )
        for record in tf.data.TFRecordDataset(record_files(tmp_path / "out", split)):
            jpegs = records.parse_clip(record)["frames"]
            frames = records.decode_frames(tf.ensure_shape(jpegs, [len(jpegs)]))
            wanted = frames_of(len(jpegs)).astype(int)
            assert np.abs(frames.numpy() - wanted).mean() < 4


def test_unreadable_videos_are_reported_and_the_rest_converted(items, tmp_path):
    Path(items[2].path).write_bytes(b"")
    Path(items[11].path).unlink()
    result = run(items, tmp_path / "out")
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


def test_summary_of_a_large_data_set_stays_short():
    labels = tuple(f"class {k}" for k in range(400))
    counts = {label: 5 + k % 7 for k, label in enumerate(labels)}
    info = DatasetInfo(labels, {"train": SplitInfo(3000, ("a",), counts)})
    bad = {f"{k}.mp4": f"Cannot read {k}.mp4" for k in range(900)}
    lines = summary(convert.Conversion(info, bad, 3900, 10.0), "out").splitlines()
    assert "unreadable: and 880 more, see report.json" in lines
    assert "train: 3000 clips (400 classes of 5 to 11)" in lines
    assert len(lines) == 23


def test_nothing_readable_writes_no_dataset(items, tmp_path):
    for item in items:
        Path(item.path).write_bytes(b"text")
    with pytest.raises(ValueError, match="None of the 13 videos could be read"):
        run(items, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_new_conversion_replaces_the_earlier_one(items, tmp_path, capsys):
    run(items, tmp_path / "out", num_shards=3)
    (tmp_path / "out" / "mine.tfrecord").write_bytes(b"")
    run(items, tmp_path / "out", num_shards=1, progress=True)
    assert "converting everything anew" in capsys.readouterr().err
    assert sorted(digests(tmp_path / "out")) == [
        "mine.tfrecord",
        "train-00000-of-00001.tfrecord",
        "val-00000-of-00001.tfrecord",
    ]


@pytest.fixture
def interrupt(monkeypatch):
    """Makes the next conversion break off at a video, as Ctrl-C would."""

    def at(number):
        left = iter(range(number))

        def work(item, encoding):
            if next(left, None) is None:
                raise KeyboardInterrupt
            return original(item, encoding)

        monkeypatch.setattr(convert, "encode_item", work)

    original = convert.encode_item
    yield at
    monkeypatch.undo()


def test_an_interrupted_conversion_goes_on(items, tmp_path, interrupt, capsys):
    run(items, tmp_path / "undisturbed", num_shards=5)
    interrupt(7)
    with pytest.raises(KeyboardInterrupt):
        run(items, tmp_path / "out", num_shards=5)
    finished = {k: v for k, v in inodes(tmp_path / "out").items() if "finished" in k}
    assert len(finished) == 2 * 3  # a file and its note
    assert not list((tmp_path / "out").glob("*.tfrecord"))
    interrupt(1000)
    result = run(items, tmp_path / "out", num_shards=5, progress=True)
    assert result.num_new == 13 - 6
    assert "3 of 8 shards are there already" in capsys.readouterr().err
    assert digests(tmp_path / "out", "*") == digests(tmp_path / "undisturbed", "*")
    after = inodes(tmp_path / "out")
    for name, inode in finished.items():
        if name.endswith(".finished"):
            assert after[name.removesuffix(".finished")] == inode


def test_earlier_records_stay_usable_until_the_new_are_there(
    items, tmp_path, interrupt
):
    run(items, tmp_path / "out", num_shards=2)
    before = digests(tmp_path / "out")
    interrupt(9)
    with pytest.raises(KeyboardInterrupt):
        run(items, tmp_path / "out", num_shards=2, jpeg_quality=50)
    assert digests(tmp_path / "out") == before
    assert load_dataset_info(tmp_path / "out").jpeg_quality == 95
    assert len(read(tmp_path / "out", "train")) == 10


@pytest.mark.parametrize(
    "change",
    [{"jpeg_quality": 50}, {"short_side": 16}, {"fps": 5}, {"items": slice(12)}],
    ids=lambda change: next(iter(change)),
)
def test_a_change_starts_an_interrupted_conversion_afresh(
    items, tmp_path, interrupt, capsys, change
):
    interrupt(5)
    with pytest.raises(KeyboardInterrupt):
        run(items, tmp_path / "out", num_shards=5)
    interrupt(1000)
    change = dict(change)
    changed = items[change.pop("items", slice(None))][::-1]
    result = run(changed, tmp_path / "out", num_shards=5, progress=True, **change)
    assert result.num_new == len(changed)
    assert "converting everything anew" in capsys.readouterr().err
    run(changed, tmp_path / "undisturbed", num_shards=5, **change)
    assert digests(tmp_path / "out", "*") == digests(tmp_path / "undisturbed", "*")


def test_only_the_shard_of_a_repaired_video_is_redone(items, tmp_path):
    sound = Path(items[11].path).read_bytes()
    Path(items[11].path).write_bytes(b"")
    run(items, tmp_path / "out", num_shards=3)
    before = inodes(tmp_path / "out")
    Path(items[11].path).write_bytes(sound)
    result = run(items, tmp_path / "out", num_shards=3)
    assert (result.num_new, result.bad) == (1, {})
    after = inodes(tmp_path / "out")
    assert {name for name in after if after[name] != before[name]} == {
        "val-00001-of-00003.tfrecord"
    }
    run(items, tmp_path / "undisturbed", num_shards=3)
    assert digests(tmp_path / "out") == digests(tmp_path / "undisturbed")


def test_a_repaired_frame_in_a_folder_is_noticed(tmp_path):
    annotations, root, expected = write_layout("jester", tmp_path / "in")
    items = read_source("jester", annotations, video_root=root)
    frame = Path(items[0].path) / "00002.jpg"
    sound = frame.read_bytes()
    frame.write_bytes(b"")
    assert list(run(items, tmp_path / "out", num_shards=3).bad) == [items[0].name]
    frame.write_bytes(sound)  # that leaves the folder's time as it is
    result = run(items, tmp_path / "out", num_shards=3)
    assert (result.num_new, result.bad) == (1, {})
    assert result.info.splits["train"].num_clips == 2


def test_a_frame_that_was_replaced_by_another_is_noticed(tmp_path):
    annotations, root, _ = write_layout("jester", tmp_path / "in")
    items = read_source("jester", annotations, video_root=root)
    run(items, tmp_path / "out", num_shards=3)
    before = digests(tmp_path / "out")
    assert run(items, tmp_path / "out", num_shards=3).num_new == 0
    frame = Path(items[0].path) / "00002.jpg"
    first = (frame.parent / "00001.jpg").read_bytes()
    frame.write_bytes(first + bytes(8))  # the first frame, with a tail nobody reads
    result = run(items, tmp_path / "out", num_shards=3)
    assert (result.num_new, result.bad) == (1, {})
    after = digests(tmp_path / "out")
    assert len({name for name in after if after[name] != before[name]}) == 1


def abort_at_mark(item, encoding):
    """Takes the process down while there is a file beside the video."""
    if Path(item.path).with_suffix(".fatal").exists():
        os.abort()
    return encode_item(item, encoding)


def test_a_video_whose_process_died_is_tried_again(
    items, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(convert, "encode_item", abort_at_mark)
    mark = Path(items[11].path).with_suffix(".fatal")
    mark.touch()
    for _ in range(2):  # still so at the second time
        result = run(items, tmp_path / "out", workers=2, num_shards=3)
        assert list(result.bad) == [items[11].name]
        assert result.info.splits["val"].num_clips == 2
    assert result.num_new == 1
    mark.unlink()
    result = run(items, tmp_path / "out", workers=2, num_shards=3, progress=True)
    assert (result.num_new, result.bad) == (1, {})
    assert "5 of 6 shards are there already" in capsys.readouterr().err
    assert run(items, tmp_path / "out", workers=2, num_shards=3).num_new == 0
    monkeypatch.undo()
    run(items, tmp_path / "undisturbed", num_shards=3)
    assert digests(tmp_path / "out") == digests(tmp_path / "undisturbed")


def test_a_shard_that_was_deleted_is_made_again(items, tmp_path):
    run(items, tmp_path / "out", num_shards=3)
    before = digests(tmp_path / "out")
    (tmp_path / "out" / "val-00001-of-00003.tfrecord").unlink()
    assert run(items, tmp_path / "out", num_shards=3).num_new == 1
    assert digests(tmp_path / "out") == before


def test_short_side_and_fps_are_applied_and_noted(items, tmp_path):
    result = run(items, tmp_path / "out", short_side=16, fps=5)
    assert (result.info.short_side, result.info.fps) == (16, 5)
    dataset = tf.data.TFRecordDataset(record_files(tmp_path / "out", "val"))
    for record, of_ten in zip(dataset, (13, 14, 15), strict=True):
        jpegs = records.parse_clip(record)["frames"]
        assert tf.io.decode_jpeg(jpegs[0]).shape == (16, 24, 3)
        assert abs(len(jpegs) - of_ten / 2) < 1
        example = tf.train.SequenceExample.FromString(record.numpy())
        assert example.context.feature["image/frame_rate"].float_list.value == [5]


@pytest.mark.parametrize(
    "argument",
    [
        {"num_shards": 0},
        {"jpeg_quality": 101},
        {"workers": 0},
        {"short_side": 0},
        {"fps": 0},
    ],
)
def test_numbers_out_of_range(items, tmp_path, argument):
    (name,) = argument
    with pytest.raises(ValueError, match=f"{name}={argument[name]}"):
        convert.convert(items, tmp_path / "out", **argument)
