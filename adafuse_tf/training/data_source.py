"""The data set of an experiment: records, or videos of a manifest."""

from typing import Protocol

import tensorflow as tf

from adafuse_tf import data, files
from adafuse_tf.training.config import TaskConfig
from adafuse_tf.training.errors import ConfigError

MANIFEST = "manifest.csv"


class DataSource(Protocol):
    """What an experiment needs of a data set.

    Attributes:
        labels: Names of the classes, in the order of the logits.
    """

    labels: tuple[str, ...]

    def num_clips(self, split: str) -> int:
        """Clips in a split; raises ValueError for one that is not there."""

    def clips(self, split: str, *args, **options) -> tf.data.Dataset:
        """Batches of a split; arguments are those of `data.clips` from the second."""


def open_source(task: TaskConfig) -> DataSource:
    """Opens `task.data_dir`.

    Raises:
        ConfigError: There is no `task.data_dir`.
        FileNotFoundError: It does not hold a data set.
    """
    if task.data_dir is None:
        raise ConfigError(
            "task.data_dir: must be the folder of records that train/prepare_data.py "
            "has written, or with task.source=video a manifest. Received: None"
        )
    return {"records": Records, "video": Videos}[task.source](task.data_dir)


class Records:
    """A `DataSource` that `train/prepare_data.py` has written."""

    def __init__(self, data_dir: str):
        self._data_dir = data_dir
        self._info = data.load_dataset_info(data_dir)
        self.labels = self._info.labels

    def num_clips(self, split: str) -> int:
        """See `DataSource`."""
        data.record_files(self._data_dir, split)  # raises if there is none
        return self._info.splits[split].num_clips

    def clips(self, split: str, *args, **options) -> tf.data.Dataset:
        """See `DataSource`."""
        paths = data.record_files(self._data_dir, split)
        count = self.num_clips(split)
        return data.clips(paths, *args, num_records=count, **options)


class Videos:
    """A `DataSource` of videos, or folders of frames, that a manifest names."""

    def __init__(self, data_dir: str):
        itself = files.is_file(data_dir)
        self._manifest = data_dir if itself else files.join(data_dir, MANIFEST)
        self._items = data.read_manifest(self._manifest)
        self.labels = tuple(data.training_labels(self._items))

    def num_clips(self, split: str) -> int:
        """See `DataSource`."""
        return len(self._of(split))

    def clips(self, split: str, *args, cache=False, **options) -> tf.data.Dataset:
        """See `DataSource`; `cache` is for records, which hold compressed frames."""
        return data.video_clips(self._of(split), self.labels, *args, **options)

    def _of(self, split: str) -> list[data.Item]:
        found = [item for item in self._items if item.split == split]
        if not found:
            splits = sorted({item.split for item in self._items})
            raise ValueError(
                f"{self._manifest} has the splits {splits}. Received: split={split!r}"
            )
        return found


def train_sampler(task: TaskConfig) -> data.Sampler:
    """Which frames make a training clip."""
    return data.Sampler(**task.train_data.sampler.model_dump())


def evaluation_sampler(task: TaskConfig) -> data.Sampler:
    """Which frames make a clip in evaluation and prediction."""
    sampler = task.validation_data.sampler or task.train_data.sampler
    return data.Sampler(**sampler.model_dump())


def evaluation_views(task: TaskConfig) -> data.Views:
    """How many views of each video are averaged over."""
    own = task.validation_data
    return data.Views(own.num_clips, own.num_crops)
