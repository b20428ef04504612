"""Ways in which copies of one data set differ from each other."""

import json
from pathlib import Path

import pytest

from adafuse_tf.data import read_source
from tests.data.layouts import write_layout
from tests.data.videos import gradient_frames, write_manifest, write_video

pytest.importorskip("av")


class TestFolders:
    def write(self, folder, *paths):
        for path in paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(b"x")
        return folder

    def test_all_names_of_splits_and_hidden_files(self, tmp_path):
        self.write(tmp_path, "train/up/1.mp4", "val/up/1.mp4", "test/up/ü 1.avi")
        self.write(tmp_path, "train/.DS_Store", "train/up/.DS_Store", "README.md")
        splits = [(i.name, i.split) for i in read_source("folders", tmp_path)]
        assert splits == [
            ("test/up/ü 1.avi", "test"),
            ("train/up/1.mp4", "train"),
            ("val/up/1.mp4", "validation"),
        ]

    def test_folders_of_frames(self, tmp_path):
        self.write(tmp_path, "train/up/a/1.jpg", "train/down/b/1.jpg")
        with pytest.raises(ValueError, match="has a folder.*`frame_pattern`.*'b'"):
            read_source("folders", tmp_path)
        items = read_source("folders", tmp_path, frame_pattern="%d.jpg")
        assert [item.name for item in items] == ["train/down/b", "train/up/a"]
        assert items[0].frame_pattern == "%d.jpg"

    def test_no_splits(self, tmp_path):
        self.write(tmp_path, "up/1.mp4")
        with pytest.raises(ValueError, match=r"`<split>/<class>/<video>`.*\['up'\]"):
            read_source("folders", tmp_path)

    def test_no_classes(self, tmp_path):
        self.write(tmp_path, "train/1.mp4")
        with pytest.raises(ValueError, match="one folder per class.*'1.mp4'"):
            read_source("folders", tmp_path)

    def test_no_videos(self, tmp_path):
        (tmp_path / "train" / "up").mkdir(parents=True)
        with pytest.raises(ValueError, match="lists no videos"):
            read_source("folders", tmp_path)


class TestFrameLists:
    def test_files_by_name(self, tmp_path):
        annotations, _, expected = write_layout("frame_lists", tmp_path)
        files = [f"{annotations}/{w}_videofolder.txt" for w in ("train", "valid")]
        category = f"{annotations}/category.txt"
        items = read_source("frame_lists", ",".join([*files, category]))
        assert [i.label for i in items] == [label for _, label, *_ in expected]
        items = read_source("frame_lists", ",".join(files))
        assert [i.label for i in items] == ["1", "0", "0"]  # numbers for want of names

    def test_several_splits(self, tmp_path):
        annotations, *_ = write_layout("frame_lists", tmp_path)
        for word in ("train", "valid"):
            file = tmp_path / "lists" / f"{word}_videofolder.txt"
            file.rename(file.with_name(f"ucf101_rgb_{word}_split_1.txt"))
            other = file.with_name(f"ucf101_rgb_{word}_split_2.txt")
            other.write_text("".join(f"clip {word == 'valid':d} 1 0\n"))
        assert len(read_source("frame_lists", annotations)) == 3
        assert len(read_source("frame_lists", annotations, fold=2)) == 2
        with pytest.raises(ValueError, match=r"several lists \*train\*.*fold=3"):
            read_source("frame_lists", annotations, fold=3)


class TestKinetics:
    COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split", "is_cc")

    @pytest.mark.parametrize(
        "path",
        [
            "tai chi/a_000003_000013.mp4",
            "a_000003_000013.mp4",
            "a.mp4",
            "tai chi/a.mp4",
            "train/a_000003_000013.mp4",
            "train/tai chi/a.mp4",
        ],
    )
    def test_finds_clips_as_scripts_lay_them_out(self, tmp_path, path):
        video = write_video(tmp_path / "videos" / path, gradient_frames(2))
        rows = [("tai chi", "b", "3", "13", "train", "0")]  # not to be had any more
        rows.append(("tai chi", "a", "3.0", "13", "train", "0"))
        write_manifest(tmp_path / "k400_train.csv", rows, self.COLUMNS)
        items = read_source("kinetics", tmp_path)
        assert items[1].path == str(video)
        assert Path(items[0].path).parent == video.parent
        assert items[1].name == "a_000003_000013"

    def test_lists_of_ids_choose_videos_and_splits(self, tmp_path):
        rows = [("tai chi", id, 3, 13, "train", 0) for id in "abcd"]
        write_manifest(tmp_path / "train.csv", rows, self.COLUMNS)
        (tmp_path / "train_ytid_list.txt").write_text("d\nb\n")
        (tmp_path / "val_ytid_list.txt").write_text("a\nnone\n")
        write_video(tmp_path / "a.mp4", gradient_frames(2))
        items = read_source("kinetics", tmp_path)
        assert [(i.name[0], i.split) for i in items] == [
            ("a", "validation"),
            ("b", "train"),
            ("d", "train"),
        ]
        (tmp_path / "ytid_list.txt").write_text("a\n")
        with pytest.raises(ValueError, match="begin with train.*ytid_list.txt"):
            read_source("kinetics", tmp_path)

    def test_columns(self, tmp_path):
        write_manifest(tmp_path / "train.csv", [("a", 3)], ("youtube_id", "begin"))
        with pytest.raises(ValueError, match=r"lacks the columns \['time_start'"):
            read_source("kinetics", tmp_path)


def test_something_v2_as_files_are_called_now_and_with_frames(tmp_path):
    annotations, _, expected = write_layout("something_v2", tmp_path)
    for file in (tmp_path / "labels").iterdir():
        file.rename(file.with_name(file.name.removeprefix("something-something-v2-")))
    found = [(i.name, i.label) for i in read_source("something_v2", annotations)]
    assert found == [row[:2] for row in expected]
    (tmp_path / "frames" / "100").mkdir(parents=True)
    (item, *_) = read_source(
        "something_v2",
        annotations,
        video_root=tmp_path / "frames",
        frame_pattern="%06d.jpg",
    )
    assert item.path == str(tmp_path / "frames" / "100")
    assert item.frame_pattern == "%06d.jpg"


@pytest.mark.parametrize("format", ["ucf101", "hmdb51"])
def test_folds(tmp_path, format):
    annotations, *_ = write_layout(format, tmp_path)
    with pytest.raises(FileNotFoundError, match="2.txt.*is|are missing"):
        read_source(format, annotations, fold=2)
    ending = (" 1", " 2") if format == "ucf101" else " 1"
    for file in [f for f in Path(annotations).iterdir() if "1.txt" in f.name]:
        lines = file.read_text().splitlines()
        training = [line for line in lines if line.rstrip().endswith(ending)]
        file.with_name(file.name.replace("1.txt", "2.txt")).write_text(
            "\n".join(training)
        )
    assert len(read_source(format, annotations, fold=2)) == 2


def test_labels_of_v2_have_no_brackets(tmp_path):
    annotations, *_ = write_layout("something_v2", tmp_path)
    entries = json.loads(
        (tmp_path / "labels/something-something-v2-train.json").read_text()
    )
    assert "[" in entries[0]["template"]
    labels = {item.label for item in read_source("something_v2", annotations)}
    assert not any("[" in label for label in labels)
