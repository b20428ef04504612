import builtins
from pathlib import Path

import pytest

from adafuse_tf.data import read_source
from adafuse_tf.data.conversion.beam_convert import convert_with_beam
from adafuse_tf.data.conversion.convert import convert
from tests.data.layouts import write_layout

pytest.importorskip("av")


@pytest.fixture
def items(tmp_path):
    annotations, video_root, _ = write_layout("manifest", tmp_path / "in")
    items = read_source("manifest", annotations, video_root=video_root)
    Path(items[1].path).write_bytes(b"no video")
    return items


def contents(folder):
    return {f.name: f.read_bytes() for f in folder.iterdir()}


def test_the_same_files_as_without_beam(items, tmp_path):
    pytest.importorskip("apache_beam", reason="needs the [beam] extra")
    options = {"num_shards": 2, "short_side": 24, "jpeg_quality": 80}
    convert(items, tmp_path / "plain", workers=1, **options)
    result = convert_with_beam(
        items,
        tmp_path / "beam",
        runner="DirectRunner",
        runner_options=["direct_num_workers=1"],
        **options,
    )
    assert list(result.bad) == [items[1].name]
    assert contents(tmp_path / "beam") == contents(tmp_path / "plain")
    # What is there is kept, whoever wrote it.
    again = convert_with_beam(
        items, tmp_path / "plain", runner="DirectRunner", **options
    )
    assert again.num_new == 0


def test_unknown_runner(items, tmp_path):
    pytest.importorskip("apache_beam", reason="needs the [beam] extra")
    with pytest.raises(ValueError, match="no such runner.*runner='Jogger'"):
        convert_with_beam(items, tmp_path / "out", runner="Jogger")


def test_missing_beam_is_told(items, tmp_path, monkeypatch):
    original = builtins.__import__

    def missing(name, *args):
        if name.startswith("apache_beam"):
            raise ImportError(name)
        return original(name, *args)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"pip install 'adafuse_tf\[beam\]'"):
        convert_with_beam(items, tmp_path / "out", runner="DirectRunner")
