"""A folder with everything that can be wrong with a video file."""

import json
import re

import pytest
import tensorflow as tf

from adafuse_tf.data import load_dataset_info, read_manifest, record_files, records
from adafuse_tf.data.conversion.convert import convert
from tests.data import scripts
from tests.data.videos import gradient_frames, write_manifest, write_video

av = pytest.importorskip("av")

BAD = {
    "cut early.mp4": "not a readable video file",
    "cut late.mp4": "cut short|damaged|fails to decode",
    "zero.mp4": "the file is empty",
    "text.mp4": "not a readable video file",
    "sound only.mp4": "no video stream",
    "missing.mp4": "does not exist",
}
GOOD = ["plain.mp4", "with space.mp4", "čeština/日本語 50%.mp4", "it's #1?.mp4"]


def write_sound(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.rate = 8000
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("horrors")
    for k, name in enumerate(GOOD):
        write_video(folder / name, gradient_frames(8 + k, 64, 96))
    sound = write_video(
        folder / "sound.mp4",
        gradient_frames(30, 64, 96),
        options={"movflags": "faststart"},
    ).read_bytes()
    # With the index at the front the file opens, and breaks off later.
    (folder / "cut late.mp4").write_bytes(sound[: len(sound) * 4 // 5])
    late = write_video(folder / "late.mp4", gradient_frames(30, 64, 96)).read_bytes()
    (folder / "cut early.mp4").write_bytes(late[: len(late) // 2])
    (folder / "zero.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("This is no video.\n" * 100)
    write_sound(folder / "sound only.mp4")
    names = [name for pair in zip(GOOD, BAD, strict=False) for name in pair]
    names += [name for name in BAD if name not in names]
    rows = [(name, "up", "train") for name in names]
    rows.append((GOOD[1].replace("with", "also with"), "up", "validation"))
    write_video(folder / rows[-1][0], gradient_frames(5))
    return write_manifest(folder / "m.csv", rows)


def test_prepare_names_the_bad_and_loses_no_good_one(manifest, tmp_path):
    convert(read_manifest(manifest), tmp_path, num_shards=2, workers=2)
    # All that can be done has been done; it depends on the user if that is enough.
    flags = ["--manifest", manifest, "--output_dir", tmp_path, "--num_shards", 2]
    code, text = scripts.run("prepare_data", *flags, "--max_bad", len(BAD))
    assert code == 0 and "nothing is left to do" in text, text
    code, text = scripts.run("prepare_data", *flags, "--max_bad", len(BAD) - 1)
    assert code == 3, text
    report = json.loads((tmp_path / "report.json").read_text())
    check_culprits({bad["path"]: bad["error"] for bad in report["bad"]})
    for name in BAD:
        assert f"{name}: " in text
    assert load_dataset_info(tmp_path).splits["validation"].num_clips == 1
    dataset = tf.data.TFRecordDataset(record_files(tmp_path, "train"))
    clips = [records.parse_clip(record) for record in dataset]
    lengths = {c["media_id"].numpy().decode(): len(c["frames"]) for c in clips}
    assert lengths == {name: 8 + k for k, name in enumerate(GOOD)}


def test_check_names_the_bad(manifest, tmp_path):
    flags = ["--manifest", manifest, "--output_dir", tmp_path]
    code, text = scripts.run("check_data", *flags, "--max_bad", len(BAD) - 1)
    assert code == 3 and "NOT fit" in text, text
    report = json.loads((tmp_path / "check.json").read_text())
    check_culprits({p["name"]: p["message"] for p in report["problems"]})
    kinds = {p["name"]: p["kind"] for p in report["problems"]}
    assert kinds.pop("zero.mp4") == "empty"
    assert set(kinds.values()) == {"broken"}
    readable = [split["num_readable"] for split in report["splits"].values()]
    assert readable == [len(GOOD), 1]


def check_culprits(causes):
    assert set(causes) == set(BAD)
    for name, cause in BAD.items():
        assert re.search(cause, causes[name]), (name, causes[name])
