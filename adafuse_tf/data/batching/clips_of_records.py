"""Record files to batches of clips."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from adafuse_tf.data import records
from adafuse_tf.data.augment.augmentation import Augmentation
from adafuse_tf.data.batching import pipeline
from adafuse_tf.data.batching.bad_items import BadItems
from adafuse_tf.data.batching.position import Position
from adafuse_tf.data.batching.record_reader import find_files, read_records
from adafuse_tf.data.batching.views import Views
from adafuse_tf.data.preprocessing import Preprocessing
from adafuse_tf.data.sampling import Sampler

# Clips waiting in the shuffle hold T JPEG frames each, about 100 KB at 224 pixels.
_SHUFFLE_CLIPS = 1024


def clips(
    input_path: str | Sequence[str],
    preprocessing: Preprocessing,
    batch_size: int,
    *,
    training: bool,
    augmentation: Augmentation | None = None,
    sampler: Sampler | None = None,
    views: Views | None = None,
    seed: int | None = None,
    position: Position | None = None,
    drop_remainder: bool = False,
    cache: bool = False,
    repeat: bool = False,
    names_only: bool = False,
    bad_items: BadItems | None = None,
    num_records: int | None = None,
) -> tf.data.Dataset:
    """Returns batches of clips from record files.

    Only the frames that a clip uses are decoded, and of training frames no more than
    the part that the random crop takes.

    Args:
        input_path: A record file, a folder (all `*.tfrecord` in it), a glob pattern,
            or a list of these. `record_files` gives the files of one split.
        preprocessing: Frames per clip, sizes and normalisation.
        batch_size: Clips per batch.
        training: Shuffle the clips and choose frames at random; else keep their order
            and choose them evenly.
        augmentation: Random crops and so on, for training only. `None` uses the
            centre crop.
        sampler: Which frames to choose; by default one out of each of T segments.
        views: For evaluation: several clips and crops of each video, V in all, that
            follow upon each other in the dataset, crop by crop within clip by clip.
        seed: Makes the batches repeat from one run to the next: the same arguments
            give the same batches. Each pass over the data still differs.
        position: For training, instead of `seed`: where in the data each pass begins.
        drop_remainder: Leave out a last batch that is not full.
        cache: Keep the records (JPEG bytes of all frames) in memory after one pass.
        repeat: Go on for ever.
        names_only: Return the names of the clips, one by one, instead of the clips.
        bad_items: Says how much damage to put up with, and notes it. By default the
            first damaged clip or file ends the iteration.
        num_records: Clips that there should be in the files, to find out whether
            some are missing. `None`: unknown.

    Returns:
        A dataset of `(clips, labels)`: float32 `[B, T, size, size, 3]`, int32 `[B]`.
        The size is `preprocessing.crop`, or else what `views.size` says.

    Raises:
        FileNotFoundError: Nothing matches `input_path`.
        ValueError: `batch_size` is not positive, or `augmentation` without `training`,
            or `views` with it.
        tf.errors.InvalidArgumentError: While iterating, there was more damage than
            `bad_items` allows; it names the clip or file. `clear_errors` turns it into
            a `DataError`.
    """
    bad_items = bad_items or BadItems()
    dataset, begin_pass = read_records(
        find_files(input_path),
        bad_items,
        shuffle=training,
        seed=seed,
        position=position,
        cache=cache,
        expected=num_records,
    )
    return pipeline.batches(
        _RecordClips(dataset, begin_pass),
        preprocessing,
        batch_size,
        training=training,
        augmentation=augmentation,
        sampler=sampler,
        views=views,
        seed=seed,
        position=position,
        drop_remainder=drop_remainder,
        repeat=repeat,
        names_only=names_only,
        bad_items=bad_items,
    )


class _RecordClips:
    """A `ClipSource` of serialised clips."""

    shuffle_clips = _SHUFFLE_CLIPS

    def __init__(self, dataset: tf.data.Dataset, begin_pass: Callable[[], None]):
        self.dataset = dataset
        self.begin_pass = begin_pass

    def name(self, element: pipeline.Element) -> tf.Tensor:
        number = tf.strings.as_string(element["number"])
        return tf.strings.join([element["file"], ", clip ", number])

    def open(self, element: pipeline.Element) -> pipeline.Element:
        clip = records.parse_clip(element["record"])
        media_id = [" '", clip["media_id"], "'"]
        return {
            "count": tf.shape(clip["frames"])[0],
            "label": clip["label"],
            "name": tf.strings.join([self.name(element), *media_id]),
            "jpegs": clip["frames"],
        }

    def pick(self, opened: pipeline.Element, indices: tf.Tensor) -> pipeline.Element:
        return {"jpegs": tf.gather(opened["jpegs"], indices)}

    def decode(
        self, picked: pipeline.Element, num_frames: int, window: Callable | None
    ) -> tf.Tensor:
        jpegs = tf.ensure_shape(picked["jpegs"], [num_frames])
        return records.decode_frames(jpegs, window)
