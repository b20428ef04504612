import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.data import BadItems, find_files
from adafuse_tf.data.batching.record_reader import read_records
from tests.data.videos import clip_record, write_records


@pytest.fixture
def folder(tmp_path):
    """Two files with labels 0..5 and 6..9."""
    for name, labels in (("a", range(6)), ("b", range(6, 10))):
        serialized = [clip_record(2, label, f"clip {label}") for label in labels]
        write_records(tmp_path / f"{name}.tfrecord", serialized)
    return str(tmp_path)


def places(reading, bad_items):
    """File name and number of each record, in one pass."""
    dataset, begin_pass = reading
    bad_items.begin_pass()
    begin_pass()
    return [
        (element["file"].decode()[-10:], int(element["number"]))
        for element in dataset.as_numpy_iterator()
    ]


def test_input_path_forms(folder):
    both = [f"{folder}/a.tfrecord", f"{folder}/b.tfrecord"]
    assert find_files(folder) == both
    assert find_files(f"{folder}/*.tfrecord") == both
    assert find_files(both[::-1]) == both[::-1]
    assert find_files(both[0]) == both[:1]


def test_other_files_of_the_folder_are_left_out(folder):
    write_records(f"{folder}/train.tfrecord.incomplete", [])
    assert len(find_files(folder)) == 2


@pytest.mark.parametrize("name", ["none.tfrecord", "none*", "sub"])
def test_nothing_found_names_the_pattern(folder, tmp_path, name):
    (tmp_path / "sub").mkdir()
    with pytest.raises(FileNotFoundError, match="No record file matches") as caught:
        find_files(f"{folder}/{name}")
    assert f"{folder}/{name}" in str(caught.value)


def test_empty_list_is_refused():
    with pytest.raises(FileNotFoundError, match=r"input_path=\[\]"):
        find_files([])


ALL = [("a.tfrecord", n + 1) for n in range(6)] + [
    ("b.tfrecord", n + 1) for n in range(4)
]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("cache", [False, True])
def test_reads_every_record_once(folder, shuffle, cache):
    bad_items = BadItems()
    paths = find_files(folder)
    reading = read_records(
        paths, bad_items, shuffle=shuffle, cache=cache, seed=1, expected=10
    )
    for _ in range(2):
        found = places(reading, bad_items)
        assert sorted(found) == ALL
        assert shuffle or found == ALL
        assert not bad_items.skipped and bad_items.error is None
    first = next(reading[0].take(1).as_numpy_iterator())
    assert tf.train.SequenceExample.FromString(first["record"]).context.feature


def cut(path, keep):
    with open(path, "r+b") as file:
        file.truncate(keep)


def offsets(path):
    """Where each record begins, and the end."""
    sizes = [len(r) + 16 for r in tf.data.TFRecordDataset(path).as_numpy_iterator()]
    return np.cumsum([0, *sizes]).tolist()


@pytest.mark.parametrize("cache", [False, True])
def test_records_before_the_damage_are_read(folder, cache):
    paths = find_files(folder)
    starts = offsets(paths[0])
    cut(paths[0], starts[2] + 20)
    bad_items = BadItems(max_bad=1)
    reading = read_records(paths, bad_items, shuffle=False, cache=cache, expected=10)
    for _ in range(2):
        assert places(reading, bad_items) == ALL[:2] + ALL[6:]
        assert list(bad_items.skipped) == [paths[0]]
        assert bad_items.counts() == {"bad_items": 1, "lost_clips": 4}
        cause = bad_items.skipped[paths[0]]
        assert f"damaged behind clip 2, at byte {starts[2]} of" in cause
        assert "2 files should hold 10" in cause
    assert bad_items.error is None


def test_a_flipped_bit_is_damage(folder):
    paths = find_files(folder)
    with open(paths[1], "r+b") as file:
        file.seek(offsets(paths[1])[1] + 100)
        file.write(b"?????")
    bad_items = BadItems()
    assert places(read_records(paths, bad_items, shuffle=False), bad_items) == ALL[:7]
    with pytest.raises(ValueError, match=f"Cannot read {paths[1]}: damaged behind"):
        bad_items.check()


def test_records_that_are_missing_without_a_trace(folder):
    paths = find_files(folder)
    cut(paths[1], 0)
    bad_items = BadItems(max_bad=1)
    places(read_records(paths, bad_items, shuffle=False, expected=10), bad_items)
    assert list(bad_items.skipped) == [paths[1]]
    assert "6 clips are there in all, and 10 should be" in bad_items.skipped[paths[1]]
    cut(paths[0], offsets(paths[0])[3])
    write_records(paths[1], [clip_record(2)])
    places(read_records(paths, bad_items, shuffle=False, expected=10), bad_items)
    ((name, cause),) = bad_items.skipped.items()
    assert folder in name and "4 clips are there in all" in cause
    # Nobody knows how many there should be.
    places(read_records(paths, bad_items, shuffle=False), bad_items)
    assert not bad_items.skipped
