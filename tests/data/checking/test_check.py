import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adafuse_tf.data import Item, read_source
from adafuse_tf.data.checking.check import check_items, check_records
from adafuse_tf.data.conversion.convert import convert
from tests.data.videos import (
    clip_record,
    gradient_frames,
    write_manifest,
    write_records,
    write_video,
)
from tests.shared import SHARED, needs_shared

pytest.importorskip("av")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Ten videos of 3 to 12 frames, the last two for validation."""
    folder = tmp_path_factory.mktemp("videos")
    rows = []
    for k in range(10):
        # Each begins with another brightness: no two show the same.
        write_video(folder / f"{k}.mp4", gradient_frames(13 + k)[10:])
        split = "train" if k < 8 else "validation"
        rows.append((f"{k}.mp4", ["up", "down"][k % 2], split))
    return write_manifest(folder / "m.csv", rows)


@pytest.fixture
def items(dataset):
    return read_source("manifest", dataset)


def check(items, **options):
    return check_items(items, workers=1, **options)


def kinds(report):
    return sorted((p.kind, p.name) for p in report.problems)


def test_a_sound_data_set_is_fit(items):
    report = check(items)
    assert report.fit and report.num_bad == 0
    assert kinds(report) == [] and report.notices == ()
    values = report.to_dict()
    train, validation = values["splits"]["train"], values["splits"]["validation"]
    assert (train["num_items"], train["num_readable"]) == (8, 8)
    assert train["items_per_label"] == {"down": 4, "up": 4}
    assert train["frames"] == {"min": 3, "median": 6.5, "max": 10}
    assert train["seconds"] == {"min": 0.3, "median": 0.65, "max": 1.0}
    assert train["frame_sizes"] == {"48x32": 8}
    assert train["frame_rates"] == {"10": 8}
    assert validation["frames"] == {"min": 11, "median": 11.5, "max": 12}


def test_processes_find_the_same(items):
    assert check_items(items, workers=2) == check(items)


def test_everything_that_is_wrong_is_found_at_once(items, tmp_path):
    def changed(k, **values):
        return dataclasses.replace(items[k], **values)

    (tmp_path / "empty.mp4").write_bytes(b"")
    report = check(
        [
            *items[:5],
            items[0],
            changed(5, path=str(tmp_path / "missing.mp4")),
            changed(6, path=str(tmp_path / "empty.mp4")),
            changed(7, num_frames=99),
            changed(8, label="left"),
            items[9],
        ],
        min_frames=4,
    )
    assert kinds(report) == [
        ("broken", "5.mp4"),
        ("duplicate", "0.mp4"),
        ("empty", "6.mp4"),
        ("too_short", "0.mp4"),
        ("too_short", "0.mp4"),
        ("unknown_label", "8.mp4"),
        ("wrong_count", "7.mp4"),
    ]
    assert report.num_bad == 5
    messages = {p.kind: p.message for p in report.problems}
    assert messages["broken"] == "the file does not exist"
    assert messages["wrong_count"] == "the source says 99 frames, found 10"
    assert messages["too_short"] == "3 frames, at least 4 are needed"


def test_bad_videos_are_put_up_with_but_no_contradiction(items, tmp_path):
    missing = dataclasses.replace(items[5], path=str(tmp_path / "no.mp4"))
    bad = [*items[:5], missing, *items[6:]]
    assert not check(bad).fit
    assert check(bad, max_bad=1).fit
    assert not check([*items, items[0]], max_bad=9).fit
    assert not check(items[8:], max_bad=9).fit  # no training split


@pytest.mark.parametrize(
    "part, text",
    [
        (slice(0, 8), "NOT fit .*; nothing readable for validation"),
        (slice(8, 10), "NOT fit .*; nothing readable in the split 'train'"),
    ],
)
def test_training_needs_videos_of_two_splits(items, part, text):
    report = check(items[part])
    assert not report.fit
    assert re.search(text, report.summary())


def test_what_the_source_says_may_be_the_trouble(tmp_path, items):
    (tmp_path / "frames").mkdir()
    picture = Image.fromarray(gradient_frames(1)[0])
    picture.save(tmp_path / "frames" / "00001.jpg")
    odd = Item(
        str(tmp_path / "frames"),
        "frames",
        "up",
        "train",
        {"frame_rate": "slow"},
        "%05d.jpg",
    )
    report = check([odd, *items])
    assert kinds(report) == [("broken", "frames")]
    assert "frame_rate='slow'" in report.problems[0].message


def test_the_same_pictures_under_two_names_are_noticed(items, tmp_path):
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(Path(items[2].path).read_bytes())
    again = dataclasses.replace(items[9], name="copy.mp4", path=str(copy))
    report = check([*items, again])
    assert report.fit
    (notice,) = report.notices
    assert notice.name == "copy.mp4"
    assert "'2.mp4' of the split 'train', here in 'validation'" in notice.message


def test_report_for_people_and_programs(items, tmp_path):
    bad = dataclasses.replace(items[5], path=str(tmp_path / "no.mp4"))
    report = check([*items[:5], bad, *items[6:]])
    report.write(str(tmp_path / "report"), "m.csv")
    values = json.loads((tmp_path / "report" / "check.json").read_text())
    assert values == {"source": "m.csv", **report.to_dict()}
    page = (tmp_path / "report" / "check.md").read_text()
    assert "NOT fit to train on: 10 videos, 1 bad" in page
    assert "| frames | 3 | 6 | 10 |" in page
    assert "- `5.mp4`: the file does not exist" in page
    # A bar per class, and one per bin of the lengths; all videos are in one.
    assert f"down 4 {'#' * 40}" in page and f"  up 4 {'#' * 40}" in page
    bins = page.split("Frames per video:")[1].split("```")[1].strip().splitlines()
    assert sum(int(line.split()[1]) for line in bins) == 7
    assert "broken: 5.mp4: the file does not exist" in report.summary()


def test_contact_sheet_shows_middle_frames_by_class(items, tmp_path):
    check(items).write(str(tmp_path), "m.csv")
    sheet = np.asarray(Image.open(tmp_path / "contact_sheet_train.png")).astype(int)
    tile, pitch = 144, 150
    assert sheet.shape[1] == 8 * pitch + 6
    for place, k in enumerate([1, 3, 5, 7, 0, 2, 4, 6]):  # down before up
        left = 6 + place * pitch
        picture = sheet[6 + tile - 96 : 6 + tile, left : left + tile]
        frame = gradient_frames(13 + k)[10:][(3 + k) // 2]
        assert abs(picture.mean() - frame.mean()) < 3
    assert Image.open(tmp_path / "contact_sheet_validation.png").width == 2 * pitch + 6


def test_records(items, tmp_path):
    convert(items, tmp_path, num_shards=2, workers=1)
    report = check_records(tmp_path)
    assert report.fit and report.num_bad == 0
    of_videos = check(items).to_dict()["splits"]
    assert report.to_dict()["splits"] == of_videos
    report.write(str(tmp_path / "report"), "records")
    assert (tmp_path / "report" / "contact_sheet_train.png").exists()


def test_damaged_records_are_named(items, tmp_path):
    convert(items, tmp_path, num_shards=2, workers=1)
    cut = tmp_path / "train-00001-of-00002.tfrecord"
    cut.write_bytes(cut.read_bytes()[:-20])
    (tmp_path / "validation-00001-of-00002.tfrecord").unlink()
    frames = clip_record(4, label=1, media_id="good.mp4")
    jpegs = clip_record(4, label=0, media_id="bad.mp4")
    place = jpegs.rindex(b"\xff\xd8\xff")
    torn = jpegs[:place] + b"torn" + jpegs[place + 4 :]
    other = clip_record(4, label=7, media_id="far.mp4")
    path = tmp_path / "validation-00000-of-00002.tfrecord"
    write_records(path, [frames, torn, other, b"nonsense"])
    report = check_records(tmp_path, max_bad=3)
    causes = {p.name: p.message for p in report.problems}
    file = "validation-00000-of-00002.tfrecord, record"
    assert causes == {
        f"bad.mp4 ({file} 2)": "frame 3 is no sound JPEG image",
        f"far.mp4 ({file} 3)": "its label is 7, there are 2 classes",
        f"{file} 4": "not a clip with frames and one label",
        str(cut): f"{cut} is damaged or cut short after 3 whole records",
        str(tmp_path / "validation-00001-of-00002.tfrecord"): str(
            tmp_path / "validation-00001-of-00002.tfrecord"
        )
        + " does not exist",
        "split train": "dataset.json says 8 clips, found 7",
        "split validation": "dataset.json says 2 clips, found 4",
    }
    assert report.num_bad == 4 and not report.fit
    assert check_records(tmp_path, max_bad=4).fit


@pytest.mark.parametrize("options", [{"min_frames": 0}])
def test_arguments(items, tmp_path, options):
    with pytest.raises(ValueError, match="min_frames=0"):
        check_items(items, **options)
    with pytest.raises(ValueError, match="min_frames=0"):
        check_records(tmp_path, **options)
    with pytest.raises(ValueError, match="no videos to check"):
        check_items([])
    with pytest.raises(FileNotFoundError, match="dataset.json"):
        check_records(tmp_path)


@needs_shared("data/clips")
def test_real_videos():
    root = SHARED / "data" / "clips" / "torchvision" / "test" / "assets" / "videos"
    items = [Item(str(p), p.name, "x", "train") for p in sorted(root.glob("*.avi"))]
    items[-1] = dataclasses.replace(items[-1], split="validation")
    report = check(items)
    assert report.fit, report.summary()
    assert report.to_dict()["splits"]["train"]["frames"]["min"] > 30
