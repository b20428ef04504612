"""A whole run in a bucket: videos, records, training, resume, evaluation."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adafuse_tf import data, files
from adafuse_tf.training import (
    Experiment,
    evaluate_records,
    load_trained,
    run_experiment,
)
from tests.data.videos import write_manifest, write_video
from tests.training.conftest import (
    FRAMES,
    SIZE,
    settings,
    train_until,
    write_records,
)

ROOT = Path(__file__).parents[2]


def write_videos(folder):
    """Four videos that get darker or lighter, and one that is none; their manifest."""
    rows = [("broken.mp4", "darker", "train")]
    for number in range(4):
        label, split = ("darker", "lighter")[number % 2], ("train", "validation")
        levels = np.linspace(30, 220, 2 * FRAMES)
        levels = levels[::-1] if label == "darker" else levels
        frames = np.ones((2 * FRAMES, SIZE, SIZE, 3)) * levels[:, None, None, None]
        write_video(folder / f"{number}.mp4", frames.astype("uint8"))
        rows.append((f"{number}.mp4", label, split[number // 2]))
    (folder / "broken.mp4").write_bytes(b"")
    return write_manifest(folder / "manifest.csv", rows)


def upload(folder, url):
    for path in folder.iterdir():
        files.copy(path, files.join(url, path.name))


def prepare_data(manifest, records, environment=os.environ):
    """Runs the script, as a process."""
    command = [sys.executable, str(ROOT / "train" / "prepare_data.py")]
    command += ["--manifest", str(manifest), "--output_dir", records]
    return subprocess.run(
        [*command, "--num_shards", "2", "--workers", "1"],
        capture_output=True,
        text=True,
        env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
    )


def same_weights(model, other):
    for a, b in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_prepare_data_from_bucket_to_bucket(bucket, tmp_path):
    manifest = write_videos(tmp_path / "videos")
    upload(manifest.parent, bucket)
    records = files.join(bucket, "records")
    result = prepare_data(files.join(bucket, "manifest.csv"), records)
    # Its own exit code: the S3 client of tensorflow-io would abort it at the end.
    assert result.returncode == 3, result.stderr
    assert "broken.mp4: the file is empty" in result.stdout
    assert data.load_dataset_info(records).splits["train"].num_clips == 2
    batch = next(
        iter(
            data.clips(
                files.join(records, "train-*"),
                data.Preprocessing(num_frames=FRAMES, resize=SIZE, crop=SIZE),
                2,
                training=False,
            )
        )
    )
    darkens = [float(c[0].numpy().mean() - c[-1].numpy().mean()) > 0 for c in batch[0]]
    labels = data.load_dataset_info(records).labels
    assert darkens == [labels[i] == "darker" for i in batch[1].numpy()]


def test_prepare_data_to_a_bucket_that_may_not_be_written_to(
    bucket, read_only, tmp_path
):
    records = files.join(bucket, "records")
    result = prepare_data(write_videos(tmp_path), records, read_only)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    (line,) = [x for x in result.stderr.splitlines() if x.startswith("Error: ")]
    assert f"No access to '{records}/train-00000-of-00002.tfrecord" in line
    assert "Access Denied" in line


@pytest.mark.usefixtures("tiny_model", "clips_in_memory")
def test_run_in_a_bucket_is_resumed_and_evaluated(bucket, tmp_path):
    write_records(tmp_path / "records", {"train": 4, "validation": 4})
    records, run = files.join(bucket, "records"), files.join(bucket, "run")
    upload(tmp_path / "records", records)
    config = settings(records, trainer__epochs="2")

    train_until(1, config, run)
    assert {"state.h5", "metrics.jsonl", "params.yaml"} <= set(files.list_dir(run))
    model = Experiment(config, run).train()
    assert int(model.optimizer.iterations) == 4  # 2 steps an epoch
    names = files.list_dir(run)
    assert "state.h5" not in names and "backup" not in names
    history = files.read_text(files.join(run, "metrics.jsonl"))
    assert history.count("\n") == 2
    assert files.list_dir(files.join(run, "tensorboard"))

    loaded, _, labels = load_trained(run)
    assert labels == ("darker", "lighter")
    same_weights(loaded, model)
    metrics = run_experiment("eval", run)
    assert metrics["num_clips"] == 8
    assert files.exists(files.join(run, "metrics.json"))
    found = evaluate_records(run, files.join(records, "validation-*"))
    assert found["top1"] == metrics["top1"]
