"""A `dataset.json` for record files that another tool wrote."""

import collections
import os
import re
from collections.abc import Iterator

from adafuse_tf import files
from adafuse_tf.data.dataset_info import DatasetInfo, SplitInfo, save_dataset_info

LABELS_FILE = "labels.txt"

# Words in the names of record files -> split.
_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "eval": "validation",
    "test": "test",
}
_RECORD_FILE = re.compile(r"\.tfrecords?\b|\.tfrec\b|-\d+-of-\d+$")


def index_records(
    folder: files.PathLike, output_dir: files.PathLike | None = None
) -> DatasetInfo:
    """Makes a folder of records with Model Garden's keys usable as a dataset.

    A word in a file's name tells its split: train, val or validation, eval, test. The
    names of the classes are those in the records, else the lines of `labels.txt`
    beside them, else their numbers. All records are read once.

    Args:
        folder: Folder of the record files.
        output_dir: Where `dataset.json` goes; by default to the records. Elsewhere it
            names them by their full path.

    Returns:
        What was written.

    Raises:
        FileNotFoundError: There is no such folder, or no record file in it.
        ValueError: A file's split is unclear, a file is damaged, a record has no
            frames or not one label, or names of classes contradict each other.
    """
    folder = str(folder)
    output_dir = folder if output_dir is None else str(output_dir)
    by_split = _files_by_split(folder)
    counts = {split: collections.Counter() for split in by_split}
    texts: dict[int, str] = {}
    for split, names in by_split.items():
        for name in names:
            for where, index, text in _labels(files.join(folder, name)):
                counts[split][index] += 1
                known = texts.setdefault(index, text)
                if text and known and text != known:
                    raise ValueError(
                        f"{where}: the class {index} is called {text!r}, an earlier "
                        f"record calls it {known!r}"
                    )
                texts[index] = known or text
    labels = _class_names(folder, texts)
    elsewhere = output_dir != folder
    splits = {
        split: SplitInfo(
            counts[split].total(),
            tuple(_full(folder, name) if elsewhere else name for name in names),
            {label: counts[split][index] for index, label in enumerate(labels)},
        )
        for split, names in by_split.items()
    }
    info = DatasetInfo(labels, splits)
    files.make_dirs(output_dir)
    save_dataset_info(info, output_dir)
    return info


def summary(info: DatasetInfo, output_dir: files.PathLike) -> str:
    """Returns a few lines for people: clips and files per split."""
    lines = [
        f"{name}: {split.num_clips} clips in {len(split.files)} files"
        for name, split in info.splits.items()
    ]
    lines.append(f"{len(info.labels)} classes, written to {output_dir}/dataset.json")
    return "\n".join(lines)


def _files_by_split(folder: str) -> dict[str, list[str]]:
    if not files.is_dir(folder):
        raise FileNotFoundError(
            f"A folder of record files is needed. Received: folder={folder!r}"
        )
    names = [name for name in files.list_dir(folder) if _RECORD_FILE.search(name)]
    if not names:
        raise FileNotFoundError(
            "There are no record files (*.tfrecord, *-00000-of-00010) in the folder. "
            f"Received: folder={folder!r}"
        )
    splits = collections.defaultdict(list)
    for name in names:
        words = re.findall("[a-z]+", name.lower())
        found = {_SPLITS[word] for word in words if word in _SPLITS}
        if len(found) != 1:
            raise ValueError(
                f"The name of {files.join(folder, name)!r} does not tell its split; "
                f"it must have one of the words {sorted(_SPLITS)}"
            )
        splits[found.pop()].append(name)
    order = list(dict.fromkeys(_SPLITS.values()))
    return {split: splits[split] for split in order if split in splits}


def _labels(path: str) -> Iterator[tuple[str, int, str]]:
    """Yields where a record is, its class and the name of that, `""` for none."""
    import tensorflow as tf

    from adafuse_tf.data import records

    position = 0
    try:
        for record in tf.data.TFRecordDataset(path):
            position += 1
            where = f"{path}, record {position}"
            context, sequences = tf.io.parse_single_sequence_example(
                record,
                context_features={
                    records.LABEL_INDEX: tf.io.VarLenFeature(tf.int64),
                    records.LABEL_TEXT: tf.io.VarLenFeature(tf.string),
                },
                sequence_features={records.FRAMES: tf.io.VarLenFeature(tf.string)},
            )
            indices = context[records.LABEL_INDEX].values.numpy().tolist()
            if len(indices) != 1 or indices[0] < 0:
                raise ValueError(
                    f"{where}: one label is needed in {records.LABEL_INDEX!r}. "
                    f"Received: {indices}"
                )
            if not sequences[records.FRAMES].dense_shape[0]:
                raise ValueError(f"{where}: there are no frames")
            text = b"".join(context[records.LABEL_TEXT].values.numpy()).decode()
            yield where, indices[0], text
    except tf.errors.DataLossError:
        raise ValueError(
            f"{path} is damaged or cut short after {position} whole records"
        ) from None
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(
            f"{path}, record {position}: not a clip with Model Garden's keys "
            f"({error.message.splitlines()[0]})"
        ) from None


def _class_names(folder: str, texts: dict[int, str]) -> tuple[str, ...]:
    path = files.join(folder, LABELS_FILE)
    names = files.read_text(path).splitlines() if files.exists(path) else []
    names = [name.strip() for name in names if name.strip()]
    size = max([*texts, len(names) - 1], default=-1) + 1
    if names and len(names) < size:
        raise ValueError(
            f"{path} names {len(names)} classes, but there is a record of class "
            f"{size - 1} (they count from 0)"
        )
    for index, text in sorted(texts.items()):
        if names and text and names[index] != text:
            raise ValueError(
                f"{path} calls the class {index} {names[index]!r}, but the records "
                f"call it {text!r}"
            )
    labels = names or [texts.get(index) or str(index) for index in range(size)]
    repeated = [name for name, n in collections.Counter(labels).items() if n > 1]
    if repeated:
        raise ValueError(
            f"Two classes in {folder} have one name. Received: {repeated[0]!r}"
        )
    return tuple(labels)


def _full(folder: str, name: str) -> str:
    path = files.join(folder, name)
    return path if files.is_remote(path) else os.path.abspath(path)
