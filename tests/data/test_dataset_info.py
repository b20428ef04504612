import json

import pytest

from adafuse_tf.data import DatasetInfo, SplitInfo, load_dataset_info, record_files
from adafuse_tf.data.dataset_info import save_dataset_info

INFO = DatasetInfo(
    labels=("down", "up"),
    splits={"train": SplitInfo(3, ("a.tfrecord", "b.tfrecord"), {"down": 1, "up": 2})},
    jpeg_quality=90,
    short_side=64,
)


@pytest.mark.parametrize("name", ["", "dataset.json", "a.tfrecord"])
def test_loads_from_the_folder_or_any_file_in_it(tmp_path, name):
    save_dataset_info(INFO, tmp_path)
    assert load_dataset_info(tmp_path / name) == INFO


def test_file_has_the_documented_form(tmp_path):
    save_dataset_info(INFO, tmp_path)
    values = json.loads((tmp_path / "dataset.json").read_text())
    assert values["labels"] == ["down", "up"]
    assert values["splits"]["train"]["num_clips"] == 3
    assert values["splits"]["train"]["clips_per_label"] == {"down": 1, "up": 2}


def test_record_files_of_a_split(tmp_path):
    save_dataset_info(INFO, tmp_path)
    files = [str(tmp_path / "a.tfrecord"), str(tmp_path / "b.tfrecord")]
    assert record_files(tmp_path, "train") == files


def test_unknown_split_names_those_there_are(tmp_path):
    save_dataset_info(INFO, tmp_path)
    with pytest.raises(ValueError, match=r"\['train'\].*split='test'"):
        record_files(tmp_path, "test")


def test_missing_file_names_the_way_out(tmp_path):
    with pytest.raises(FileNotFoundError, match="prepare_data.py"):
        load_dataset_info(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"labels": []}'])
def test_other_content_is_refused(tmp_path, text):
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(ValueError, match="dataset.json does not describe a dataset"):
        load_dataset_info(tmp_path)
