"""The clips that a page is about, and their names."""

import dataclasses
import re
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from adafuse_tf import data
from adafuse_tf.training.config import TaskConfig
from adafuse_tf.training.data_source import (
    evaluation_sampler,
    evaluation_views,
    open_source,
)
from adafuse_tf.training.label_map import match_labels
from adafuse_tf.training.model_dir import check_labels


@dataclasses.dataclass(frozen=True)
class ClipsToReport:
    """Validation clips of a run, or those of other records.

    Attributes:
        where: what a reader should know them by.
        views: views of each video.
        to_model: translates their labels to the model's classes; None for a run's own.
    """

    where: str
    views: data.Views
    to_model: Callable[[np.ndarray], np.ndarray] | None
    _open: Callable[..., tf.data.Dataset]
    _max_bad: int

    def batches(self, batch_size: int, bad_items: data.BadItems) -> tf.data.Dataset:
        """Batches of about `batch_size` clips; the views of a video stay together."""
        videos = max(1, batch_size // len(self.views))
        return self._open(videos * len(self.views), bad_items=bad_items)

    def names(self, bad_items: data.BadItems) -> list[str]:
        """Names of the videos in order, without those that a pass has left out."""
        again = data.BadItems(self._max_bad, beside=bad_items)
        with data.clear_errors(again):
            names = [
                name.decode()
                for name in self._open(
                    1, bad_items=again, names_only=True
                ).as_numpy_iterator()
            ]
        return [short_name(n) for n in names if n not in bad_items.skipped]

    def bad_items(self) -> data.BadItems:
        """How much damage the run's configuration puts up with."""
        return data.BadItems(self._max_bad)


def clips_to_report(
    task: TaskConfig,
    preprocessing: data.Preprocessing,
    labels: Sequence[str],
    input_path: str | None = None,
) -> ClipsToReport:
    """Finds the clips; reads nothing but what describes them.

    Args:
        task: that of the run, for its data, sampler and views.
        preprocessing: frames per clip and their size.
        labels: those of the model.
        input_path: a record file, a folder or a glob pattern, instead of the run's
            validation split.

    Raises:
        FileNotFoundError: they are not there.
        ModelDirError: the run's data set has other labels by now.
        ValueError: it has no such split, or the records tell no names of labels.
    """
    views = evaluation_views(task)
    options = dict(training=False, sampler=evaluation_sampler(task), views=views)
    if input_path is None:
        source, split = open_source(task), task.validation_data.split
        check_labels(source.labels, labels)

        def open_clips(batch_size, **more):
            return source.clips(split, preprocessing, batch_size, **options, **more)

        open_clips(len(views), names_only=True)  # raises if there are none
        where, to_model = f"split '{split}' of {task.data_dir}", None
    else:
        to_model, where = match_labels(input_path, labels), input_path

        def open_clips(batch_size, **more):
            return data.clips(input_path, preprocessing, batch_size, **options, **more)

    return ClipsToReport(where, views, to_model, open_clips, task.max_bad)


def short_name(name: str) -> str:
    """The name of a video in what the data pipeline calls a clip."""
    found = re.search(r"(?:, clip \d+ | \()'(.+)'\)?$", name)
    return found[1] if found else name.rsplit("/", 1)[-1].removesuffix(" ''")
