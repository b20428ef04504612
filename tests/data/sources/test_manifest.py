from pathlib import Path

import pytest

from adafuse_tf.data import Item, read_manifest, read_source, training_labels
from adafuse_tf.data import write_manifest as write_manifest_of
from tests.data.videos import write_manifest
from tests.shared import SHARED, needs_shared


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


@pytest.mark.parametrize("folder", ["", "videos"])
def test_finds_videos_in_the_folder_or_beside_it(tmp_path, folder):
    touch(tmp_path / folder / "a" / "1.mp4")
    manifest = write_manifest(tmp_path / "m.csv", [("a/1.mp4", "up", "train")])
    (item,) = read_manifest(manifest)
    assert item.path == str(tmp_path / folder / "a" / "1.mp4")
    assert (item.name, item.label, item.split) == ("a/1.mp4", "up", "train")


def test_video_root_replaces_the_other_places(tmp_path):
    touch(tmp_path / "1.mp4")
    touch(tmp_path / "elsewhere" / "1.mp4")
    manifest = write_manifest(tmp_path / "m.csv", [("1.mp4", "up", "train")])
    (item,) = read_manifest(manifest, tmp_path / "elsewhere")
    assert item.path == str(tmp_path / "elsewhere" / "1.mp4")


def test_keeps_further_columns_and_any_column_order(tmp_path):
    touch(tmp_path / "1.mp4")
    manifest = write_manifest(
        tmp_path / "m.csv",
        [("train", "ann", "1.mp4", " up ")],
        columns=("split", "person", "path", "label"),
    )
    (item,) = read_manifest(manifest)
    assert item.label == "up"
    assert item.extra == {"person": "ann"}


def test_accepts_a_byte_order_mark(tmp_path):
    touch(tmp_path / "1.mp4")
    manifest = tmp_path / "m.csv"
    manifest.write_text("path,label,split\n1.mp4,up,train\n", encoding="utf-8-sig")
    assert read_manifest(manifest)[0].name == "1.mp4"


def test_missing_manifest_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.csv"):
        read_manifest(tmp_path / "none.csv")


def test_missing_video_root_is_named(tmp_path):
    manifest = write_manifest(tmp_path / "m.csv", [("1.mp4", "up", "train")])
    with pytest.raises(FileNotFoundError, match="video_root=.*nowhere"):
        read_manifest(manifest, tmp_path / "nowhere")


def test_one_missing_video_is_left_to_the_reader_but_not_all(tmp_path):
    rows = [("1.mp4", "up", "train"), ("2.mp4", "up", "train")]
    manifest = write_manifest(tmp_path / "m.csv", rows)
    with pytest.raises(FileNotFoundError, match="None of the 2 videos.*video_root"):
        read_manifest(manifest)
    touch(tmp_path / "2.mp4")
    assert len(read_manifest(manifest)) == 2


@pytest.mark.parametrize("text", ["", "path,label,split\n"])
def test_empty_manifest(tmp_path, text):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(ValueError, match="is empty"):
        read_manifest(tmp_path / "m.csv")


def test_missing_columns_are_named(tmp_path):
    manifest = write_manifest(tmp_path / "m.csv", [("1.mp4", "x")], ("path", "class"))
    with pytest.raises(ValueError, match=r"\['label', 'split'\].*'class'"):
        read_manifest(manifest)


@pytest.mark.parametrize("row", [("2.mp4", "", "train"), ("2.mp4",)])
def test_empty_label_has_its_line_number(tmp_path, row):
    manifest = write_manifest(tmp_path / "m.csv", [("1.mp4", "up", "train"), row])
    with pytest.raises(ValueError, match="line 3: the label is empty"):
        read_manifest(manifest)


@pytest.mark.parametrize("pattern", ["x.jpg", "%", "%s.jpg", "%d/%d.jpg"])
def test_frame_pattern_without_a_number_has_its_line_number(tmp_path, pattern):
    row = ("frames", "up", "train", pattern)
    columns = ("path", "label", "split", "frame_pattern")
    manifest = write_manifest(tmp_path / "m.csv", [row], columns)
    with pytest.raises(ValueError, match="line 2: `frame_pattern` must have one"):
        read_manifest(manifest)


def test_number_of_frames_that_is_none_has_its_line_number(tmp_path):
    columns = ("path", "label", "split", "num_frames")
    rows = [("1.mp4", "up", "train", "many")]
    manifest = write_manifest(tmp_path / "m.csv", rows, columns)
    with pytest.raises(ValueError, match="line 2: the num_frames.*'many'"):
        read_manifest(manifest)


def test_not_a_text_file(tmp_path):
    (tmp_path / "m.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ValueError, match="m.csv is not a text file in UTF-8"):
        read_manifest(tmp_path / "m.csv")


@pytest.mark.parametrize(
    "row, message",
    [
        ('2.mp4,up,"train', "after line 2: not CSV"),  # would swallow the row after it
        ("2.mp4,over, and out,train", r"line 3: there are more.*quotes.*\['train'\]"),
        ("2.mp4,up,train/a", "line 3: a split .*'train/a'"),
    ],
)
def test_a_row_that_is_not_what_it_seems(tmp_path, row, message):
    (tmp_path / "m.csv").write_text(
        f"path,label,split\n1.mp4,up,train\n{row}\n3.mp4,up,train\n"
    )
    with pytest.raises(ValueError, match=f"m.csv, {message}"):
        read_manifest(tmp_path / "m.csv")


def test_commas_past_the_last_column_are_nothing(tmp_path):
    touch(tmp_path / "1.mp4")
    (tmp_path / "m.csv").write_text("path,label,split\n1.mp4,up,train,,\n")
    assert read_manifest(tmp_path / "m.csv")[0].extra == {}


@pytest.mark.parametrize(
    "second, message",
    [
        (("1.mp4", "up", "validation"), "'1.mp4'.*listed already.*'train'"),
        (("2.mp4", "down", "test"), "'test' has the label 'down'.*2.mp4"),
    ],
)
def test_items_that_do_not_go_together(tmp_path, second, message):
    touch(tmp_path / "1.mp4")
    rows = [("1.mp4", "up", "train"), second]
    manifest = write_manifest(tmp_path / "m.csv", rows)
    with pytest.raises(ValueError, match=message):
        read_manifest(manifest)
    assert len(read_source("manifest", manifest, strict=False)) == 2


def test_manifest_without_training_split(tmp_path):
    touch(tmp_path / "1.mp4")
    rows = [("1.mp4", "up", "test")]
    with pytest.raises(ValueError, match=r"no item in the split 'train'.*\['test'\]"):
        read_manifest(write_manifest(tmp_path / "m.csv", rows))


def test_what_is_written_reads_back_the_same(tmp_path):
    touch(tmp_path / "a b" / "1.mp4")
    (tmp_path / "frames").mkdir()
    items = [
        Item(str(tmp_path / "a b" / "1.mp4"), "one", "up, up", "train", {"who": "ann"}),
        Item(
            path=str(tmp_path / "frames"),
            name=str(tmp_path / "frames"),
            label='say "ä"',
            split="train",
            extra={"who": ""},
            frame_pattern="%05d.jpg",
            num_frames=7,
        ),
    ]
    write_manifest_of(items, tmp_path / "elsewhere" / "m.csv")
    assert read_manifest(tmp_path / "elsewhere" / "m.csv") == items
    assert "num_frames" in (tmp_path / "elsewhere" / "m.csv").read_text()
    write_manifest_of(items[:1], tmp_path / "m.csv")
    header = (tmp_path / "m.csv").read_text().splitlines()[0]
    assert header == "path,label,split,name,who"


@needs_shared("data/fir_action/manifest.csv")
def test_reads_a_real_manifest():
    items = read_manifest(SHARED / "data" / "fir_action" / "manifest.csv")
    assert len(items) == 960
    assert all(Path(item.path).is_file() for item in items)
    assert training_labels(items) == ["fall", "sitdown", "standup", "walk"]
    assert items[0].extra == {"subject": "human1"}
    assert items[0].num_frames == 13
