"""The page on data sets: its commands read what lies in the layouts it describes."""

import argparse
import shlex
from pathlib import Path

import pytest

from adafuse_tf.data import read_source
from adafuse_tf.data.sources import FORMATS
from tests.data.layouts import write_layout

pytest.importorskip("av")

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "data.md"


def commands(script):
    """The arguments of each command on the page that calls a script."""
    text = PAGE.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [
        shlex.split(line)[2:]
        for line in lines
        if line.startswith(f"python train/{script}.py ")
    ]


def parse(arguments):
    parser = argparse.ArgumentParser()
    for name in ("annotations", "video_root", "frame_pattern"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--manifest", dest="annotations")
    parser.add_argument("--format", default="manifest")
    parser.add_argument("--fold", type=int, default=1)
    return vars(parser.parse_known_args(arguments)[0])


@pytest.mark.parametrize("script", ["prepare_data", "check_data"])
def test_commands_have_flags_that_exist(script):
    code = (ROOT / "train" / f"{script}.py").read_text(encoding="utf-8")
    code += (ROOT / "adafuse_tf" / "source_flags.py").read_text(encoding="utf-8")
    for arguments in commands(script):
        for flag in (a for a in arguments if a.startswith("--")):
            assert f'"{flag[2:]}"' in code, flag


@pytest.mark.parametrize("script", ["prepare_data", "check_data"])
def test_commands_read_their_data_sets(tmp_path, monkeypatch, script):
    monkeypatch.chdir(tmp_path)
    seen = {}
    for arguments in map(parse, commands(script)):
        format, annotations = arguments.pop("format"), arguments.pop("annotations")
        if format == "tfrecords":
            continue  # no source of items
        folder = tmp_path / annotations.split("/")[0]
        if folder not in seen:
            seen[folder] = write_layout(format, folder)
        items = read_source(format, annotations, **arguments)
        found = [(item.name, item.label, item.split) for item in items]
        assert found == [row[:3] for row in seen[folder][2]]
        if script == "prepare_data":
            assert f"| `{format}` |" in PAGE.read_text(encoding="utf-8")
    assert len(seen) == (len(FORMATS) if script == "prepare_data" else 1)
