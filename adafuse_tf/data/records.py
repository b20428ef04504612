"""Clips as TFRecords of `SequenceExample`, with the keys of the TF Model Garden."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from adafuse_tf.data.jpeg import encode_frame

__all__ = ["decode_frames", "encode_clip", "encode_frame", "parse_clip"]

FRAMES = "image/encoded"
LABEL_INDEX = "clip/label/index"
LABEL_TEXT = "clip/label/text"
WIDTH = "image/width"
HEIGHT = "image/height"
NUM_FRAMES = "clip/frames"
MEDIA_ID = "clip/media_id"
FRAME_RATE = "image/frame_rate"


def encode_clip(
    jpegs: Sequence[bytes],
    *,
    label_index: int,
    label_text: str,
    media_id: str,
    width: int,
    height: int,
    frame_rate: float = 0.0,
) -> bytes:
    """Serialises one clip.

    Args:
        jpegs: The frames in order, as JPEG bytes.
        label_index: Class, an index into the labels of the dataset.
        label_text: Name of the class.
        media_id: Name of the source, shown when something is wrong with the clip.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        frame_rate: Frames per second, 0 if unknown.

    Returns:
        A serialised `SequenceExample`.
    """
    if not jpegs:
        raise ValueError(f"A clip needs frames. Received: none for {media_id!r}")
    context = {
        LABEL_INDEX: _int64(label_index),
        LABEL_TEXT: _bytes(label_text.encode()),
        WIDTH: _int64(width),
        HEIGHT: _int64(height),
        NUM_FRAMES: _int64(len(jpegs)),
        MEDIA_ID: _bytes(media_id.encode()),
        FRAME_RATE: tf.train.Feature(float_list=tf.train.FloatList(value=[frame_rate])),
    }
    frames = tf.train.FeatureList(feature=[_bytes(jpeg) for jpeg in jpegs])
    example = tf.train.SequenceExample(
        context=tf.train.Features(feature=context),
        feature_lists=tf.train.FeatureLists(feature_list={FRAMES: frames}),
    )
    # Else the order of the keys differs from one process to the next.
    return example.SerializeToString(deterministic=True)


def parse_clip(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Parses one serialised clip; plain TF operations.

    Only the frames and the label are required, so records that other tools wrote with
    Model Garden's keys can be read too.

    Args:
        serialized: Scalar string, a `SequenceExample`.

    Returns:
        `frames` string `[N]` of JPEG bytes, `label` scalar int32, `media_id` scalar
        string (empty if the record has none).
    """
    context, sequences = tf.io.parse_single_sequence_example(
        serialized,
        context_features={
            LABEL_INDEX: tf.io.FixedLenFeature([], tf.int64),
            MEDIA_ID: tf.io.FixedLenFeature([], tf.string, default_value=""),
        },
        sequence_features={FRAMES: tf.io.FixedLenSequenceFeature([], tf.string)},
    )
    return {
        "frames": sequences[FRAMES],
        "label": tf.cast(context[LABEL_INDEX], tf.int32),
        "media_id": context[MEDIA_ID],
    }


def decode_frames(
    jpegs: tf.Tensor, window: Callable[[tf.Tensor], tf.Tensor] | None = None
) -> tf.Tensor:
    """Decodes a fixed number of frames; plain TF operations.

    Args:
        jpegs: String `[T]` with a static T, JPEG bytes of frames of one size.
        window: From the size of the frames (height and width) to the part to decode
            (top, left, height, width). `None` decodes all, which takes longer.

    Returns:
        uint8 RGB frames `[T, H, W, 3]`.

    Raises:
        tf.errors.InvalidArgumentError: Bytes are no JPEG image or cut short, or the
            frames are not of one size.
    """
    # T is small and known: an unrolled graph decodes the frames in parallel.
    jpegs = tf.unstack(jpegs)
    if window is None:
        frames = [tf.io.decode_jpeg(jpeg, 3) for jpeg in jpegs]
    else:
        sizes = tf.stack([tf.io.extract_jpeg_shape(jpeg)[:2] for jpeg in jpegs])
        tf.debugging.assert_equal(sizes, sizes[:1], "Frames are not of one size")
        part = window(sizes[0])
        frames = [tf.io.decode_and_crop_jpeg(jpeg, part, 3) for jpeg in jpegs]
    return tf.stack(frames)


def _int64(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
