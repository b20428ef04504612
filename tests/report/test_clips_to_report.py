"""Videos and their names stay together."""

import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf import data
from adafuse_tf.data import records as clip_records
from adafuse_tf.data.batching.clips_of_records import clips
from adafuse_tf.report.clips_to_report import clips_to_report, short_name
from adafuse_tf.training import ModelDirError
from tests.training.conftest import FRAMES, LABELS, SIZE, settings, write_records

PREPROCESSING = data.Preprocessing(FRAMES, SIZE, SIZE)


def test_names_leave_out_what_the_pass_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr("adafuse_tf.data.clips", clips)  # not the kept ones
    folder = write_records(tmp_path / "records", {"validation": 2})
    (file,) = folder.glob("*.tfrecord")
    good = [r.numpy() for r in tf.data.TFRecordDataset(str(file))]
    about = dict(label_index=1, label_text=LABELS[1], width=SIZE, height=SIZE)
    good[1] = clip_records.encode_clip([b"no JPEG"], media_id="broken", **about)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for record in good:
            writer.write(record)
    task = settings(folder, task__max_bad="1").task
    found = clips_to_report(task, PREPROCESSING, LABELS)
    bad_items = found.bad_items()
    labels = np.concatenate([y for _, y in found.batches(2, bad_items)])
    assert found.names(bad_items) == [f"validation/{i}" for i in (0, 2, 3)]
    assert labels.tolist() == [0, 0, 1]


def test_data_that_does_not_fit_the_model(records):
    task = settings(records).task
    with pytest.raises(ModelDirError, match="labels"):
        clips_to_report(task, PREPROCESSING, ("other", "names"))
    task = settings(records, task__validation_data__split="test").task
    with pytest.raises(ValueError, match="'test'"):
        clips_to_report(task, PREPROCESSING, LABELS)


def test_names_of_videos():
    record = "/it's here/a.tfrecord, clip 3"
    assert short_name(f"{record} 'walk/one (2).mp4'") == "walk/one (2).mp4"
    assert short_name(f"{record} ''") == "a.tfrecord, clip 3"
    assert short_name("/videos/x.mp4 ('walk/x')") == "walk/x"
