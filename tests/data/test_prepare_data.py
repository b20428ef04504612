import csv
import re
import time

import pytest

from adafuse_tf.data import FORMATS, load_dataset_info
from tests.data import scripts
from tests.data.layouts import write_layout
from tests.data.videos import clip_record, write_records

pytest.importorskip("av")


@pytest.mark.parametrize("script", ["prepare_data", "check_data"])
def test_help_is_quick_and_lists_the_flags(script):
    start = time.monotonic()
    _, text = scripts.run(script, "--help")
    # It takes 0.2 s; loading TensorFlow takes longer than this on any machine.
    assert time.monotonic() - start < 2
    flags = "format annotations manifest video_root fold frame_pattern workers max_bad"
    own = {
        "prepare_data": "num_shards short_side jpeg_quality fps manifest_only runner",
        "check_data": "input_dir min_frames",
    }
    for flag in [*flags.split(), *own[script].split(), "output_dir"]:
        assert f"--{flag}" in text or f"--[no]{flag}" in text
    (formats,) = re.findall(r"--format: (.*?)\(default", text, re.DOTALL)
    assert set(re.findall(r"\w+", formats)) >= {*FORMATS, "tfrecords"}


def test_a_published_format_becomes_a_manifest(tmp_path):
    annotations, video_root, expected = write_layout("hmdb51", tmp_path / "in")
    flags = ["--format", "hmdb51", "--annotations", annotations]
    flags += ["--video_root", video_root, "--fold", 1, "--output_dir", tmp_path / "m"]
    code, text = scripts.run("prepare_data", *flags, "--manifest_only")
    assert code == 0, text
    with open(tmp_path / "m" / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["label"] for r in rows] == [label for _, label, *_ in expected]
    assert [p.name for p in (tmp_path / "m").iterdir()] == ["manifest.csv"]


def test_records_of_another_tool(tmp_path):
    write_records(tmp_path / "train.tfrecord", [clip_record(4), clip_record(4)])
    flags = ["--format", "tfrecords", "--annotations", tmp_path, "--output_dir"]
    code, text = scripts.run("prepare_data", *flags, tmp_path)
    assert code == 0, text
    assert "train: 2 clips in 1 files" in text
    assert load_dataset_info(tmp_path).labels == ("label 0",)


@pytest.mark.parametrize(
    "flags, text",
    [
        ([], "Give one of --annotations and --manifest"),
        (["--manifest", "a", "--annotations", "b"], "Give one of --annotations and"),
        (["--manifest", "a", "--format", "jester"], "Received: --format=jester"),
    ],
)
@pytest.mark.parametrize("script", ["prepare_data", "check_data"])
def test_flags_that_do_not_go_together(tmp_path, script, flags, text):
    code, printed = scripts.run(script, *flags, "--output_dir", tmp_path)
    assert code == 1
    assert text in printed and "Traceback" not in printed


@pytest.mark.parametrize(
    "script, flags, flag",
    [
        ("prepare_data", "--manifest a --runner_option b=c", "runner_option"),
        ("prepare_data", "--manifest a --runner DirectRunner --workers 2", "workers"),
        ("prepare_data", "--manifest a --manifest_only --fps 5", "fps"),
        ("prepare_data", "--annotations a --format tfrecords --fps 5", "fps"),
        ("check_data", "--input_dir a --manifest b", "manifest"),
    ],
)
def test_no_flag_is_without_effect(tmp_path, script, flags, flag):
    code, printed = scripts.run(script, *flags.split(), "--output_dir", tmp_path)
    assert code == 1
    assert f"--{flag}: " in printed and "Traceback" not in printed


@pytest.mark.parametrize("script", ["prepare_data", "check_data"])
@pytest.mark.parametrize(
    "flags, text",
    [
        (["--manifest", "no.csv"], "no.csv"),
        (["--annotations", ".", "--format", "vhs"], "choose one of .*'vhs'"),
    ],
)
def test_an_expected_error_is_one_line(tmp_path, script, flags, text):
    code, printed = scripts.run(script, *flags, "--output_dir", tmp_path)
    assert code == 2
    (line,) = printed.splitlines()
    assert line.startswith("Error: ")
    assert re.search(text, line)
