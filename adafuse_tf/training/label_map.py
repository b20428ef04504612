"""Which of a model's classes a record's label is, by name."""

import posixpath
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from adafuse_tf.data import load_dataset_info, records
from adafuse_tf.data.batching.record_reader import find_files


class LabelMap:
    """Translates label indices of a data set to those of a model.

    Args:
        names: name by index in the data set.
        labels: names in the order of the model's logits.
    """

    def __init__(self, names: Mapping[int, str], labels: Sequence[str]):
        self._names = dict(names)
        self._labels = list(labels)
        index = {label: i for i, label in enumerate(labels)}
        self._to_model = {i: index[n] for i, n in self._names.items() if n in index}

    def __call__(self, indices: np.ndarray) -> np.ndarray:
        """Translates int `[B]` to int64 `[B]`.

        Raises:
            ValueError: a clip has a label that the model does not know.
        """
        for i in np.unique(indices).tolist():
            if i not in self._to_model:
                raise ValueError(
                    "A clip has a label that the model was not trained for; it knows "
                    f"{self._labels}. Received: {self._names.get(i, i)!r}"
                )
        return np.array([self._to_model[i] for i in indices.tolist()], np.int64)


def match_labels(input_path: str, labels: Sequence[str]) -> LabelMap:
    """Reads the label names of record files and matches them with a model's.

    The names come from the `dataset.json` beside the files, or else from the records
    themselves.

    Args:
        input_path: a record file, a folder or a glob pattern.
        labels: names in the order of the model's logits.

    Raises:
        FileNotFoundError: nothing matches `input_path`.
        ValueError: the records tell no names, or one index has two names.
    """
    names: dict[int, str] = {}
    by_folder: dict[str, list[str]] = {}
    for file in find_files(input_path):
        by_folder.setdefault(posixpath.dirname(file), []).append(file)
    for files in by_folder.values():
        try:
            found = dict(enumerate(load_dataset_info(files[0]).labels))
        except FileNotFoundError:
            found = _names_in(files)
        for index, name in found.items():
            if names.setdefault(index, name) != name:
                raise ValueError(
                    f"One label index has two names in {input_path!r}; evaluate the "
                    f"folders apart. Received: {index} is {names[index]!r} and {name!r}"
                )
    return LabelMap(names, labels)


def _names_in(files: list[str]) -> dict[int, str]:
    features = {
        records.LABEL_INDEX: tf.io.FixedLenFeature([], tf.int64),
        records.LABEL_TEXT: tf.io.FixedLenFeature([], tf.string, default_value=""),
    }

    def parse(record):
        context, _ = tf.io.parse_single_sequence_example(record, features)
        index = tf.strings.as_string(context[records.LABEL_INDEX])
        return tf.strings.join([index, context[records.LABEL_TEXT]], " ")

    names = {}
    for pair in tf.data.TFRecordDataset(files).map(parse).unique().as_numpy_iterator():
        index, text = pair.decode().split(" ", 1)
        if not text:
            raise ValueError(
                f"The records have no {records.LABEL_TEXT} and no dataset.json beside "
                f"them, so their labels have no names. Received: {files[0]!r}"
            )
        if names.setdefault(int(index), text) != text:
            raise ValueError(
                "One label index has two names in the records. Received: "
                f"{index} is {names[int(index)]!r} and {text!r}"
            )
    return names
