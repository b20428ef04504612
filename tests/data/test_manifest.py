import pytest

from adafuse_tf.data import read_manifest
from adafuse_tf.data.manifest import training_labels
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
    assert item.path == tmp_path / folder / "a" / "1.mp4"
    assert (item.name, item.label, item.split) == ("a/1.mp4", "up", "train")


def test_video_root_replaces_the_other_places(tmp_path):
    touch(tmp_path / "1.mp4")
    touch(tmp_path / "elsewhere" / "1.mp4")
    manifest = write_manifest(tmp_path / "m.csv", [("1.mp4", "up", "train")])
    (item,) = read_manifest(manifest, tmp_path / "elsewhere")
    assert item.path == tmp_path / "elsewhere" / "1.mp4"


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


def test_repeated_path_names_both_lines(tmp_path):
    rows = [("1.mp4", "up", "train"), ("1.mp4", "up", "validation")]
    with pytest.raises(ValueError, match="line 3: '1.mp4' is already on line 2"):
        read_manifest(write_manifest(tmp_path / "m.csv", rows))


def test_label_that_training_lacks_is_named(tmp_path):
    rows = [("1.mp4", "up", "train"), ("2.mp4", "down", "test")]
    with pytest.raises(ValueError, match="'test' has the label 'down'.*2.mp4"):
        read_manifest(write_manifest(tmp_path / "m.csv", rows))


def test_manifest_without_training_split(tmp_path):
    rows = [("1.mp4", "up", "test")]
    with pytest.raises(ValueError, match=r"no item in the split 'train'.*\['test'\]"):
        read_manifest(write_manifest(tmp_path / "m.csv", rows))


@needs_shared("data/fir_action/manifest.csv")
def test_reads_a_real_manifest():
    items = read_manifest(SHARED / "data" / "fir_action" / "manifest.csv")
    assert len(items) == 960
    assert all(item.path.is_file() for item in items)
    assert training_labels(items) == ["fall", "sitdown", "standup", "walk"]
    assert items[0].extra["subject"] == "human1"
