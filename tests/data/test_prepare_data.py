import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adafuse_tf.data import load_dataset_info
from tests.data.videos import gradient_frames, write_manifest, write_video

pytest.importorskip("av")

ROOT = Path(__file__).parents[2]


def prepare_data(*flags):
    return subprocess.run(
        [sys.executable, str(ROOT / "train" / "prepare_data.py"), *map(str, flags)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=300,
    )


@pytest.fixture
def manifest(tmp_path):
    write_video(tmp_path / "good.mp4", gradient_frames(4))
    (tmp_path / "bad.mp4").write_bytes(b"")
    rows = [("good.mp4", "up", "train"), ("bad.mp4", "up", "train")]
    return write_manifest(tmp_path / "m.csv", rows)


def test_help_is_quick_and_lists_the_flags():
    start = time.monotonic()
    result = prepare_data("--help")
    # It takes 0.2 s; loading TensorFlow takes longer than this on any machine.
    assert time.monotonic() - start < 2
    for flag in ("manifest", "video_root", "output_dir", "num_shards", "short_side"):
        assert f"--{flag}" in result.stdout
    for flag in ("jpeg_quality", "workers", "max_bad"):
        assert f"--{flag}" in result.stdout


@pytest.mark.parametrize("flags, code", [([], 3), (["--max_bad", "1"], 0)])
def test_unreadable_videos_set_the_exit_code(manifest, tmp_path, flags, code):
    out = tmp_path / "out"
    result = prepare_data("--manifest", manifest, "--output_dir", out, *flags)
    assert result.returncode == code, result.stderr
    assert "bad.mp4: the file is empty" in result.stdout
    assert "train: 1 clips (up 1)" in result.stdout
    assert load_dataset_info(out).splits["train"].num_clips == 1


def test_error_in_the_manifest_is_one_line(tmp_path):
    out = tmp_path / "out"
    result = prepare_data("--manifest", tmp_path / "no.csv", "--output_dir", out)
    assert result.returncode == 2
    assert "Error: There is no manifest file" in result.stderr
    assert "Traceback" not in result.stderr
