"""Videos to batches of clips, without records in between."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from adafuse_tf.data.batching import pipeline
from adafuse_tf.data.batching.bad_items import BadItems
from adafuse_tf.data.decoding import item_reader
from adafuse_tf.data.decoding.video import VideoError
from adafuse_tf.data.item import Item
from adafuse_tf.data.preprocessing import Preprocessing


def video_clips(
    items: Sequence[Item],
    labels: Sequence[str],
    preprocessing: Preprocessing,
    batch_size: int,
    *,
    bad_items: BadItems | None = None,
    **options,
) -> tf.data.Dataset:
    """Returns batches of clips from videos or folders of frames.

    Only what is needed for the frames of a clip is read and decoded. How many frames a
    video has is found out once and kept in mind.

    Args:
        items: What a source returned, those of one split.
        labels: Names of the classes; the position is the label index.
        preprocessing: Frames per clip, sizes and normalisation.
        batch_size: Clips per batch.
        bad_items: Says how many broken videos to put up with, and notes them. By
            default the first one ends the iteration.
        **options: As for `clips`, except `cache` and `num_records`; `training` is
            required.

    Returns:
        The dataset that `clips` returns for records of these videos.

    Raises:
        ValueError: There are no items, or one has a label that is not in `labels`; see
            also `clips`.
        tf.errors.InvalidArgumentError: See `clips`.
    """
    bad_items = bad_items or BadItems()
    source = _VideoClips(items, labels, bad_items)
    return pipeline.batches(
        source, preprocessing, batch_size, bad_items=bad_items, **options
    )


class _VideoClips:
    """A `ClipSource` of items; its elements are positions in the list of items."""

    def __init__(self, items, labels, bad_items):
        if not items:
            raise ValueError("There are no videos to read. Received: items=[]")
        self._items = list(items)
        self._bad_items = bad_items
        self._counts: dict[int, int] = {}
        self._names = [f"{item.path} ('{item.name}')" for item in items]
        self._labels = [_index(item, list(labels)) for item in items]
        self.shuffle_clips = len(items)
        dataset = tf.data.Dataset.range(len(items))
        self.dataset = dataset.map(lambda item: {"item": item})

    def begin_pass(self) -> None:
        """Counts stay as they are."""

    def name(self, element: pipeline.Element) -> tf.Tensor:
        return tf.constant(self._names)[element["item"]]

    def open(self, element: pipeline.Element) -> pipeline.Element:
        count = tf.numpy_function(self._count, [element["item"]], tf.int32)
        return {
            "count": tf.ensure_shape(count, []),
            "label": tf.constant(self._labels, tf.int32)[element["item"]],
            "name": self.name(element),
            "item": element["item"],
        }

    def pick(self, opened: pipeline.Element, indices: tf.Tensor) -> pipeline.Element:
        return {"item": opened["item"], "indices": indices}

    def decode(
        self, picked: pipeline.Element, num_frames: int, window: Callable | None
    ) -> tf.Tensor:
        arguments = [picked["item"], picked["indices"]]
        frames = tf.numpy_function(self._read, arguments, tf.uint8)
        frames = tf.ensure_shape(frames, [num_frames, None, None, 3])
        if window is None:
            return frames
        top, left, height, width = tf.unstack(window(tf.shape(frames)[1:3]))
        return frames[:, top : top + height, left : left + width]

    @tf.autograph.experimental.do_not_convert
    def _count(self, position: np.int64) -> np.int32:
        if position not in self._counts:
            with self._noting_errors(position):
                self._counts[position] = item_reader.count_frames(self._items[position])
        return np.int32(self._counts[position])

    @tf.autograph.experimental.do_not_convert
    def _read(self, position: np.int64, indices: np.ndarray) -> np.ndarray:
        with self._noting_errors(position):
            return item_reader.read_frames(self._items[position], indices)

    @contextlib.contextmanager
    def _noting_errors(self, position: np.int64) -> Iterator[None]:
        """The pipeline drops an item that fails; it does not know why it did."""
        try:
            yield
        except VideoError as error:
            self._bad_items.add(self._names[position], error.cause)
            raise


def _index(item: Item, labels: list[str]) -> int:
    if item.label not in labels:
        raise ValueError(
            f"An item has a label that is not one of {labels}. Received: "
            f"{item.label!r}, path={item.path!r}"
        )
    return labels.index(item.label)
