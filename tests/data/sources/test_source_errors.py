"""What the readers of formats say about data sets that are not as they should be."""

import pytest

from adafuse_tf.data import read_source
from adafuse_tf.data.sources import FORMATS
from tests.data.layouts import write_layout

pytest.importorskip("av")

# A file of the annotations that each format needs.
NEEDED = [
    ("frame_lists", "lists/train_videofolder.txt", r"\*train\*.txt is missing"),
    ("frame_lists", "lists/valid_videofolder.txt", r"\*val\*.txt is missing"),
    ("something_v1", "annotations/something-something-v1-labels.csv", None),
    ("something_v1", "annotations/something-something-v1-train.csv", None),
    ("jester", "annotations/jester-v1-validation.csv", None),
    ("something_v2", "labels/something-something-v2-labels.json", None),
    ("something_v2", "labels/something-something-v2-train.json", " or train.json"),
    ("ucf101", "ucfTrainTestlist/classInd.txt", None),
    ("ucf101", "ucfTrainTestlist/testlist01.txt", None),
]
# A file, a line to add to it, and what is said about that.
WRONG_LINES = [
    ("frame_lists", "lists/train_videofolder.txt", "clip 9", "path num_frames label"),
    ("frame_lists", "lists/train_videofolder.txt", "a 3 9", "no such label.*'9'"),
    ("something_v1", "annotations/something-something-v1-train.csv", "7", "id;label"),
    ("jester", "annotations/jester-v1-validation.csv", "7;Hop", "label='Hop'"),
    ("ucf101", "ucfTrainTestlist/classInd.txt", "Run", "1 ClassName"),
    ("ucf101", "ucfTrainTestlist/trainlist01.txt", "v_a.avi 1", "Class/video.avi"),
    ("ucf101", "ucfTrainTestlist/trainlist01.txt", "walk/v_a.avi 1", "class as in"),
    ("ucf101", "ucfTrainTestlist/trainlist01.txt", "walk/v_a.avi 7", "class as in"),
    ("ucf101", "ucfTrainTestlist/testlist01.txt", "Hop/v_a.avi", "label='Hop'"),
    ("hmdb51", "testTrainMulti_7030_splits/walk_test_split1.txt", "a.avi 3", "0, 1 or"),
    ("hmdb51", "testTrainMulti_7030_splits/walk_test_split1.txt", "a.avi", "0, 1 or"),
    ("kinetics", "train.csv", "tai chi,abc,now,10,train", "times in seconds"),
    ("kinetics", "train.csv", "tai chi,abc,0,10,dev", "a split out of"),
]


@pytest.mark.parametrize("format, file, message", NEEDED)
def test_missing_annotations_are_named(tmp_path, format, file, message):
    annotations, *_ = write_layout(format, tmp_path)
    (tmp_path / file).unlink()
    message = message or f"{file.split('/')[1]}.* is missing"
    with pytest.raises(FileNotFoundError, match=f"{message}.*looked in '{annotations}"):
        read_source(format, annotations)


@pytest.mark.parametrize("format", FORMATS)
def test_annotations_that_are_not_there(tmp_path, format):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_source(format, tmp_path / "nowhere")


@pytest.mark.parametrize("format", ["kinetics", "hmdb51"])
def test_empty_annotations(tmp_path, format):
    with pytest.raises(FileNotFoundError, match=f"looked in '{tmp_path}'"):
        read_source(format, tmp_path)


@pytest.mark.parametrize("format, file, line, message", WRONG_LINES)
def test_a_wrong_line_has_its_number(tmp_path, format, file, line, message):
    annotations, *_ = write_layout(format, tmp_path)
    with (tmp_path / file).open("a") as handle:
        handle.write(f"\n{line}\n")  # after an empty line, which is all right
    number = len((tmp_path / file).read_text().splitlines())
    where = f"{file.split('/')[-1]}, line {number}: .*{message}"
    with pytest.raises(ValueError, match=where):
        read_source(format, annotations)


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "is not JSON"),
        ("{}", "must hold an array. Received: dict"),
        ('[{"id": "100"}]', "entry 1: expected an object with `id` and `template`"),
        ('[{"id": "100", "template": "Hop"}]', "entry 1: .*label='Hop'"),
    ],
)
def test_wrong_json(tmp_path, text, message):
    annotations, *_ = write_layout("something_v2", tmp_path)
    file = tmp_path / "labels" / "something-something-v2-train.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=f"v2-train.json.* {message}"):
        read_source("something_v2", annotations)


def test_unknown_format_lists_the_known():
    with pytest.raises(ValueError, match="'manifest'.*'hmdb51'.*format='ucf'"):
        read_source("ucf", "x")


def test_fold_where_there_is_none():
    with pytest.raises(ValueError, match="'jester' has no folds.*fold=2"):
        read_source("jester", "x", fold=2)


def test_frame_pattern_where_there_are_videos():
    with pytest.raises(ValueError, match="'ucf101' takes no `frame_pattern`"):
        read_source("ucf101", "x", frame_pattern="%05d.jpg")
    with pytest.raises(ValueError, match="frame_pattern='frame.jpg'"):
        read_source("jester", "x", frame_pattern="frame.jpg")


@pytest.mark.parametrize("format", FORMATS)
def test_video_root_that_is_not_there(tmp_path, format):
    annotations, *_ = write_layout(format, tmp_path)
    with pytest.raises(FileNotFoundError, match="video_root='.*nowhere'"):
        read_source(format, annotations, video_root=tmp_path / "nowhere")


@pytest.mark.parametrize("format", [f for f in FORMATS if f != "folders"])
def test_no_video_at_all(tmp_path, format):
    annotations, *_ = write_layout(format, tmp_path)
    (tmp_path / "empty").mkdir()
    message = "None of the 3 videos of .*empty.*pass the folder.*`video_root`"
    with pytest.raises(FileNotFoundError, match=message):
        read_source(format, annotations, video_root=tmp_path / "empty")


@pytest.mark.parametrize("format", ["frame_lists", "something_v1", "ucf101", "hmdb51"])
def test_one_missing_video_is_left_to_its_reader(tmp_path, format):
    annotations, _, expected = write_layout(format, tmp_path)
    path = read_source(format, annotations)[0].path
    (tmp_path / "away").mkdir()
    (tmp_path / path).rename(tmp_path / "away" / "video")
    assert len(read_source(format, annotations)) == len(expected)


def test_duplicates_stop_unless_told_otherwise(tmp_path):
    annotations, *_ = write_layout("something_v1", tmp_path)
    file = tmp_path / "annotations" / "something-something-v1-validation.csv"
    file.write_text(file.read_text() + "100;Tearing something\n101;Hop\n")
    with pytest.raises(ValueError, match="validation.csv, line 3: .*label='Hop'"):
        read_source("something_v1", annotations)
    file.write_text(file.read_text().replace("101;Hop\n", ""))
    with pytest.raises(ValueError, match="'100' .*is listed already"):
        read_source("something_v1", annotations)
    items = read_source("something_v1", annotations, strict=False)
    assert [item.name for item in items] == ["100", "101", "102", "100"]


def test_unknown_labels_pass_where_not_strict(tmp_path):
    for format, file, line in (
        ("something_v1", "something-something-v1-train.csv", "100;Hop"),
        ("ucf101", "trainlist01.txt", "Hop/v_a.avi 1"),
    ):
        annotations, *_ = write_layout(format, tmp_path / format)
        with open(f"{annotations}/{file}", "a") as handle:
            handle.write(f"{line}\n")
        items = read_source(format, annotations, strict=False)
        assert "Hop" in {item.label for item in items}
