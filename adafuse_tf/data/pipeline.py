"""Record files to batches of clips."""

import posixpath
from collections.abc import Sequence

import tensorflow as tf

from adafuse_tf.data import records, sampling
from adafuse_tf.data.augmentation import Augmentation
from adafuse_tf.data.preprocessing import Preprocessing

# Clips waiting in the shuffle hold T JPEG frames each, about 100 KB at 224 pixels.
_SHUFFLE_CLIPS = 1024
_FILES_AT_A_TIME = 8


def clips(
    input_path: str | Sequence[str],
    preprocessing: Preprocessing,
    batch_size: int,
    *,
    training: bool,
    augmentation: Augmentation | None = None,
    seed: int | None = None,
    drop_remainder: bool = False,
    cache: bool = False,
    repeat: bool = False,
) -> tf.data.Dataset:
    """Returns batches of clips from record files.

    Only the frames that a clip uses are decoded.

    Args:
        input_path: A record file, a folder (all `*.tfrecord` in it), a glob pattern,
            or a list of these. `record_files` gives the files of one split.
        preprocessing: Frames per clip, sizes and normalisation.
        batch_size: Clips per batch.
        training: Shuffle the clips and take a random frame of each segment; else keep
            their order and take the centre frames.
        augmentation: Random crops and flips, for training only. `None` uses the
            centre crop.
        seed: Makes the batches repeat from one run to the next: the same arguments
            give the same batches. Each pass over the data still differs.
        drop_remainder: Leave out a last batch that is not full.
        cache: Keep the records (JPEG bytes of all frames) in memory after one pass.
        repeat: Go on for ever.

    Returns:
        A dataset of `(clips, labels)`: float32 `[B, T, crop, crop, 3]`, int32 `[B]`.

    Raises:
        FileNotFoundError: Nothing matches `input_path`.
        ValueError: `batch_size` is not positive, or `augmentation` without `training`.
        tf.errors.DataLossError: While iterating, a record file is damaged;
            `damaged_files` says which.
        tf.errors.InvalidArgumentError: While iterating, a frame is no JPEG image; the
            message has the clip's media id.
    """
    if batch_size < 1:
        raise ValueError(
            f"`batch_size` must be >= 1. Received: batch_size={batch_size}"
        )
    if augmentation is not None and not training:
        raise ValueError(
            "`augmentation` is for training; leave it out for evaluation. "
            f"Received: augmentation={augmentation}, training={training}"
        )
    dataset = _read(find_files(input_path), training, seed)
    if cache:
        dataset = dataset.cache()
    draws = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).batch(2)
    dataset = tf.data.Dataset.zip(dataset, draws)

    def choose_frames(record, draw):
        clip = records.parse_clip(record)
        count, frames = tf.shape(clip["frames"])[0], preprocessing.num_frames
        if training:
            indices = sampling.random_segment_indices(count, frames, draw)
        else:
            indices = sampling.segment_indices(count, frames)
        return {**clip, "frames": tf.gather(clip["frames"], indices)}, draw

    def decode(clip, draw):
        frames = records.decode_frames(clip["frames"], clip["media_id"])
        if augmentation is None:
            frames = preprocessing.evaluate(frames)
        else:
            # A further draw, so that the crop does not depend on the choice of frames.
            seed_of_crop = tf.random.fold_in(draw, 1)
            frames = augmentation.apply(frames, preprocessing, seed_of_crop)
        return frames, clip["label"]

    dataset = dataset.map(choose_frames, num_parallel_calls=tf.data.AUTOTUNE)
    if training:
        # After the choice of frames: unused frames would fill the memory.
        dataset = dataset.shuffle(_SHUFFLE_CLIPS, seed)
    if repeat:
        dataset = dataset.repeat()
    dataset = dataset.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.batch(batch_size, drop_remainder)
    return dataset.prefetch(tf.data.AUTOTUNE).with_options(_options(training, seed))


def find_files(input_path: str | Sequence[str]) -> list[str]:
    """Returns the record files that a path, folder, pattern or list of them means.

    Raises:
        FileNotFoundError: Nothing matches one of them; the message names it.
    """
    if isinstance(input_path, (list, tuple)):
        if not input_path:
            raise FileNotFoundError("No record files. Received: input_path=[]")
        return [file for path in input_path for file in find_files(path)]
    path = str(input_path)
    if tf.io.gfile.isdir(path):
        pattern = posixpath.join(path, "*.tfrecord")
    else:
        pattern = path
    # The plain name first: it may hold characters that mean something in a pattern.
    if pattern == path and tf.io.gfile.exists(path):
        return [path]
    files = sorted(tf.io.gfile.glob(pattern))
    if not files:
        raise FileNotFoundError(
            f"No record file matches {pattern!r}; train/prepare_data.py makes them. "
            f"Received: input_path={path!r}"
        )
    return files


def damaged_files(input_path: str | Sequence[str]) -> dict[str, str]:
    """Reads record files from end to end, for the checksum of every record.

    TensorFlow's own error for a damaged record does not name the file.

    Args:
        input_path: As for `clips`.

    Returns:
        What is wrong, by the path of the file; empty when all files are sound.
    """
    damaged = {}
    for file in find_files(input_path):
        try:
            for _ in tf.data.TFRecordDataset(file):
                pass
        except tf.errors.DataLossError as error:
            damaged[file] = error.message
    return damaged


def _read(files: list[str], training: bool, seed: int | None) -> tf.data.Dataset:
    dataset = tf.data.Dataset.from_tensor_slices(files)
    if not training:
        return tf.data.TFRecordDataset(dataset)
    dataset = dataset.shuffle(len(files), seed)
    return dataset.interleave(
        tf.data.TFRecordDataset,
        cycle_length=_FILES_AT_A_TIME,
        num_parallel_calls=tf.data.AUTOTUNE,
    )


def _options(training: bool, seed: int | None) -> tf.data.Options:
    options = tf.data.Options()
    # Without a seed nobody can tell the order, so a slow clip need not hold up others.
    options.deterministic = not training or seed is not None
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return options
