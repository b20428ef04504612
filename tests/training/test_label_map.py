"""Labels are matched by name, never by index."""

import json

import numpy as np
import pytest

from adafuse_tf.training.label_map import LabelMap, match_labels
from tests.training.conftest import write_records


def test_other_order_and_fewer_labels():
    labels = LabelMap({0: "b", 1: "a"}, ["a", "b", "c"])
    assert labels(np.array([0, 1, 1])).tolist() == [1, 0, 0]


def test_unknown_label_is_named_only_when_it_occurs():
    labels = LabelMap({0: "a", 1: "zebra"}, ["a"])
    assert labels(np.array([0, 0])).tolist() == [0, 0]
    with pytest.raises(ValueError, match=r"it knows \['a'\]. Received: 'zebra'"):
        labels(np.array([0, 1]))


@pytest.mark.parametrize("with_info", [True, False])
def test_names_come_from_dataset_json_or_the_records(tmp_path, with_info):
    folder = write_records(tmp_path, {"test": 1}, ("lighter", "darker"))
    if not with_info:
        (folder / "dataset.json").unlink()
    labels = match_labels(str(folder), ["darker", "lighter"])
    assert labels(np.array([0, 1])).tolist() == [1, 0]


def test_folders_that_disagree(tmp_path):
    for name, labels in (("one", ("a", "b")), ("two", ("b", "a"))):
        write_records(tmp_path / name, {"test": 1}, labels)
    with pytest.raises(ValueError, match="0 is 'a' and 'b'"):
        match_labels(str(tmp_path / "*" / "*.tfrecord"), ["a", "b"])


def test_dataset_json_wins_over_records(tmp_path):
    folder = write_records(tmp_path, {"test": 1}, ("lighter", "darker"))
    info = json.loads((folder / "dataset.json").read_text())
    info["labels"] = ["x", "y"]
    (folder / "dataset.json").write_text(json.dumps(info))
    assert match_labels(str(folder), ["y", "x"])(np.array([0])).tolist() == [1]
