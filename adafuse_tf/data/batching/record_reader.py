"""Record files: which there are, and their records with damage accounted for."""

import fnmatch
import posixpath
import threading
from collections.abc import Callable, Sequence

import tensorflow as tf

from adafuse_tf import files
from adafuse_tf.data.batching.bad_items import BadItems
from adafuse_tf.data.batching.dataset_steps import anew_each_pass, call
from adafuse_tf.data.batching.position import Position
from adafuse_tf.data.dataset_info import load_dataset_info, record_files

_FILES_AT_A_TIME = 8
# What the format of the files adds to each record: length, and two checksums.
_FRAMING_BYTES = 16
# Stands behind the last record of each file; no serialised clip looks like this.
_END_OF_FILE = b"end of file"


def find_files(input_path: str | Sequence[str]) -> list[str]:
    """Returns the record files that a path, folder, pattern or list of them means.

    On a web server, folders and patterns mean files that its `dataset.json` names.

    Raises:
        FileNotFoundError: Nothing matches one of them; the message names it.
    """
    if isinstance(input_path, (list, tuple)):
        if not input_path:
            raise FileNotFoundError("No record files. Received: input_path=[]")
        return [file for path in input_path for file in find_files(path)]
    path = str(input_path)
    # The plain name first: it may hold characters that mean something in a pattern.
    if files.is_file(path):
        return [path]
    pattern = files.join(path, "*.tfrecord") if files.is_dir(path) else path
    if files.can_list(pattern):
        found = files.glob(pattern)
    else:  # a web server does not tell what it has
        folder, name = files.parent(pattern) + "/", posixpath.basename(pattern)
        splits = sorted(load_dataset_info(folder).splits)
        known = [file for split in splits for file in record_files(folder, split)]
        found = [f for f in known if fnmatch.fnmatch(posixpath.basename(f), name)]
    if not found:
        raise FileNotFoundError(
            f"No record file matches {pattern!r}; train/prepare_data.py makes them. "
            f"Received: input_path={path!r}"
        )
    return found


def read_records(
    paths: Sequence[str],
    bad_items: BadItems,
    *,
    shuffle: bool,
    seed: int | None = None,
    position: Position | None = None,
    cache: bool = False,
    expected: int | None = None,
) -> tuple[tf.data.Dataset, Callable[[], None]]:
    """Returns the records of files one by one.

    Of a file that is damaged, the records before the damage are read.

    Args:
        paths: The files.
        bad_items: Gets the damaged files.
        shuffle: Read several files at a time, in random order.
        seed: Makes that order repeat.
        position: Instead of `seed`, see `clips`.
        cache: Keep the records in memory after one pass.
        expected: Number of records that all files together should have.

    Returns:
        A dataset of dicts of scalars: `record` string, `file` string, `number` int64,
        the place of the record in its file, from 1, `bytes` int64, the bytes before it.
        And a function to call in Python when an iteration over it begins.

    Raises:
        OSError: TensorFlow cannot read records at such a place.
    """
    for path in paths:
        files.check_records(path)
    ends = _FileEnds(paths, expected, bad_items)
    count = len(paths)
    dataset = tf.data.Dataset.range(count)
    if shuffle and position is None:
        dataset = dataset.shuffle(count, seed)
    elif shuffle:
        dataset = anew_each_pass(
            lambda seed: tf.data.Dataset.range(count).shuffle(count, seed),
            # What is cached keeps the order of its first pass, whichever that was.
            (lambda: position.seed) if cache else position.seed_of_pass,
        )
    dataset = dataset.interleave(
        lambda position: _records_and_end(tf.constant(paths)[position], position),
        cycle_length=_FILES_AT_A_TIME if shuffle else 1,
        num_parallel_calls=tf.data.AUTOTUNE if shuffle else None,
    )
    if cache:
        dataset = dataset.cache()

    def add_up(sizes, row):
        (number, record), file, position = row
        element = {"record": record, "file": file, "number": number + 1}
        own = tf.cast(tf.strings.length(record), tf.int64) + _FRAMING_BYTES
        after = tf.tensor_scatter_nd_add(sizes, [[position]], [own])
        return after, {**element, "bytes": sizes[position]}

    def stays(element):
        about = [element["file"], element["number"], element["bytes"]]
        ended = element["record"] == _END_OF_FILE
        return tf.cond(ended, lambda: call(ends.add, about), lambda: True)

    dataset = dataset.scan(tf.zeros([len(paths)], tf.int64), add_up).filter(stays)
    return dataset, ends.begin_pass


def _records_and_end(file: tf.Tensor, position: tf.Tensor) -> tf.data.Dataset:
    # No functions here: each takes TensorFlow milliseconds to set up, for every file.
    # Its error for a damaged record does not name the file and would end it all.
    records = tf.data.TFRecordDataset(file).ignore_errors()
    end = tf.data.Dataset.from_tensors(_END_OF_FILE)
    about = [tf.data.Dataset.from_tensors(value).repeat() for value in (file, position)]
    return tf.data.Dataset.zip(records.concatenate(end).enumerate(), *about)


class _FileEnds:
    """Finds damaged files: fewer bytes were read than there are."""

    def __init__(self, paths, expected, bad_items):
        self._num_files = len(paths)
        self._expected = expected
        self._bad_items = bad_items
        self._read: dict[str, int] = {}
        self._damaged = False
        self._lock = threading.Lock()

    def begin_pass(self) -> None:
        """Forgets the pass before."""
        self._read, self._damaged = {}, False

    def add(self, file: bytes, number: int, size: int) -> None:
        """`number` and `size` are those of the record that would come next."""
        path, found = file.decode(), int(number) - 1
        there = _size(path)
        with self._lock:
            self._read[path] = found
            damaged = there is not None and size != there
            self._damaged |= damaged
            total = sum(self._read.values())
            complete = len(self._read) == self._num_files
        known = self._expected is not None
        if damaged:
            cause = (
                f"damaged behind clip {found}, at byte {size} of {there}; the clips "
                "from there on are lost"
            )
            if known:
                cause += f" ({self._num_files} files should hold {self._expected})"
            self._bad_items.add(path, cause)
        if complete and known and total < self._expected:
            self._bad_items.lost_clips = self._expected - total
            if not self._damaged:  # broken off between two records, to the byte
                empty = [name for name, count in self._read.items() if not count]
                self._bad_items.add(
                    ", ".join(empty) or f"the files with {path}",
                    f"{total} clips are there in all, and {self._expected} should be",
                )


def _size(path: str) -> int | None:
    """Bytes of a file; None where asking means to download it, as on a web server."""
    return tf.io.gfile.stat(path).length if files.can_list(path) else None
