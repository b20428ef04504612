"""A conversion that is killed, and started again."""

import hashlib
import re
import signal
import time

import pytest

from adafuse_tf.data import read_manifest
from adafuse_tf.data.conversion.convert import convert
from tests.data import scripts
from tests.data.videos import gradient_frames, write_manifest, write_video

pytest.importorskip("av")

FLAGS = ["--num_shards=6", "--workers=2", "--short_side=48", "--jpeg_quality=80"]


@pytest.fixture
def manifest(tmp_path):
    """Videos long enough that a shard takes a while."""
    frames = gradient_frames(100, 96, 128)
    first = write_video(tmp_path / "in" / "0.mp4", frames)
    rows = [("0.mp4", "up", "train")]
    for k in range(1, 18):
        (tmp_path / "in" / f"{k}.mp4").write_bytes(first.read_bytes())
        split = "train" if k < 12 else "validation"
        rows.append((f"{k}.mp4", ["up", "down"][k % 2], split))
    (tmp_path / "in" / "3.mp4").write_bytes(b"no video")
    return write_manifest(tmp_path / "in" / "m.csv", rows)


def digests(folder):
    return {
        f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.iterdir()
    }


def test_a_killed_conversion_goes_on_where_it_was(manifest, tmp_path):
    out = tmp_path / "out"
    flags = ["--manifest", manifest, "--output_dir", out, *FLAGS]
    with scripts.start("prepare_data", *flags) as process:
        deadline = time.monotonic() + 60
        while not any(note.stat().st_size for note in out.glob("*.finished.json")):
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        # Ends once nobody holds the other end: no worker process outlives the killed.
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    assert not (out / "dataset.json").exists()
    notes = [n for n in out.glob("*.finished.json") if n.stat().st_size]
    finished = {n.stem: n.with_suffix("").stat() for n in notes}
    assert 1 <= len(finished) < 12

    code, text = scripts.run("prepare_data", *flags)
    assert code == 3, text  # one video is none
    assert f"{len(finished)} of 12 shards are there already" in text
    for name, before in finished.items():
        after = (out / name.removesuffix(".finished")).stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    # Rate and remaining time, as in "18/18 [00:01<00:00, 14.22clip/s]".
    assert re.search(r"18/18 \[[\d:]+<00:00, .*(clip/s|s/clip)\]", text)

    items = read_manifest(manifest)
    options = {"num_shards": 6, "short_side": 48, "jpeg_quality": 80}
    convert(items, tmp_path / "undisturbed", workers=1, **options)
    assert digests(out) == digests(tmp_path / "undisturbed")
