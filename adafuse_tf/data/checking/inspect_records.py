"""A look at every clip of a folder of records."""

import concurrent.futures
import dataclasses
import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from adafuse_tf import files
from adafuse_tf.data import records
from adafuse_tf.data.checking.contact_sheet import Pictures
from adafuse_tf.data.checking.inspection import (
    THUMBNAIL_SIDE,
    Inspection,
    inspect_frames,
)
from adafuse_tf.data.dataset_info import DatasetInfo
from adafuse_tf.data.jpeg import encode_frame

_AT_A_TIME = 32


def inspect_record_file(
    path: str,
    split: str,
    info: DatasetInfo,
    pictures: Pictures,
) -> Iterator[Inspection]:
    """Decodes all frames of all clips of a record file, as training does.

    Args:
        path: The file.
        split: Its split.
        info: The dataset that it belongs to.
        pictures: Says which clips to keep a picture of.

    Yields:
        An inspection per clip, in order.

    Raises:
        ValueError: The file is missing, damaged or cut short; what comes before the
            damage has been yielded.
    """
    name = files.join(path).rsplit("/", 1)[-1]

    def work(numbered):
        position, record, wanted = numbered
        return _inspect(record, f"{name}, record {position}", split, info, wanted)

    position = 0
    batch: list = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for record in tf.data.TFRecordDataset(path):
                position += 1
                label = _label(record, info)
                batch.append((position, record, pictures.take(split, label)))
                if len(batch) == _AT_A_TIME:
                    yield from pool.map(work, batch)
                    batch = []
        except tf.errors.DataLossError:
            error = f"{path} is damaged or cut short after {position} whole records"
        except tf.errors.NotFoundError:
            error = f"{path} does not exist"
        else:
            error = None
        yield from pool.map(work, batch)
    if error:
        raise ValueError(error)


def _label(record: tf.Tensor, info: DatasetInfo) -> str:
    try:
        index = int(records.parse_clip(record)["label"])
    except tf.errors.InvalidArgumentError:
        return ""
    return info.labels[index] if 0 <= index < len(info.labels) else ""


def _inspect(record, where, split, info, thumbnail) -> Inspection:
    result = Inspection(where, split, "")
    try:
        clip = records.parse_clip(record)
    except tf.errors.InvalidArgumentError:
        text = "not a clip with frames and one label"
        return dataclasses.replace(result, error=text)
    media_id = clip["media_id"].numpy().decode(errors="replace")
    result = dataclasses.replace(
        result,
        name=f"{media_id} ({where})" if media_id else where,
        label=_label(record, info),
        frame_rate=_frame_rate(record),
    )
    if not result.label:
        index = int(clip["label"])
        text = f"its label is {index}, there are {len(info.labels)} classes"
        return dataclasses.replace(result, error=text)
    frames = []
    for number, jpeg in enumerate(clip["frames"]):
        try:
            frames.append(tf.io.decode_jpeg(jpeg, 3).numpy())
        except tf.errors.InvalidArgumentError:
            text = f"frame {number} is no sound JPEG image"
            return dataclasses.replace(result, error=text)
    if not frames:
        return dataclasses.replace(result, error="there are no frames")
    if len({frame.shape for frame in frames}) > 1:
        return dataclasses.replace(result, error="its frames differ in size")
    result = dataclasses.replace(result, **inspect_frames(frames))
    if thumbnail:
        small = _shrink(frames[len(frames) // 2])
        result = dataclasses.replace(result, thumbnail=encode_frame(small))
    return result


def _frame_rate(record: tf.Tensor) -> float:
    rate = tf.io.parse_single_sequence_example(
        record, {records.FRAME_RATE: tf.io.FixedLenFeature([], tf.float32, 0.0)}
    )[0][records.FRAME_RATE]
    return float(rate)


def _shrink(frame: np.ndarray) -> np.ndarray:
    step = max(1, min(frame.shape[:2]) // THUMBNAIL_SIDE)
    return np.ascontiguousarray(frame[::step, ::step])
