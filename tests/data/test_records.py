import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.data import records
from tests.data.videos import clip_record, gradient_frames


def test_write_and_read_back():
    frames = gradient_frames(5, 24, 40)
    clip = records.parse_clip(clip_record(frames=frames, label=3, media_id="a/b.mp4"))
    assert clip["label"].dtype == tf.int32 and int(clip["label"]) == 3
    assert clip["media_id"].numpy() == b"a/b.mp4"
    decoded = records.decode_frames(clip["frames"]).numpy()
    assert decoded.dtype == np.uint8
    assert decoded.shape == frames.shape
    assert np.abs(decoded.astype(int) - frames).mean() < 3


def test_context_holds_the_documented_keys():
    example = tf.train.SequenceExample.FromString(clip_record(4, label=1, media_id="m"))
    context = example.context.feature
    assert context["clip/label/index"].int64_list.value == [1]
    assert context["clip/label/text"].bytes_list.value == [b"label 1"]
    assert context["clip/media_id"].bytes_list.value == [b"m"]
    assert context["clip/frames"].int64_list.value == [4]
    assert context["image/height"].int64_list.value == [32]
    assert context["image/width"].int64_list.value == [48]
    assert context["image/frame_rate"].float_list.value == [10.0]
    assert len(example.feature_lists.feature_list["image/encoded"].feature) == 4


def test_bytes_are_the_same_in_every_process():
    record = clip_record(2)
    example = tf.train.SequenceExample.FromString(record)
    assert record == example.SerializeToString(deterministic=True)


def test_quality_changes_the_size():
    frame = np.random.default_rng(0).integers(0, 256, [32, 32, 3], np.uint8)
    assert len(records.encode_frame(frame, 95)) > 1.5 * len(
        records.encode_frame(frame, 50)
    )


def test_clip_without_frames_is_refused():
    with pytest.raises(ValueError, match="'empty.mp4'"):
        records.encode_clip(
            [], label_index=0, label_text="", media_id="empty.mp4", width=1, height=1
        )


def test_record_of_another_writer_needs_no_media_id():
    example = tf.train.SequenceExample.FromString(clip_record(4))
    del example.context.feature["clip/media_id"]
    clip = records.parse_clip(example.SerializeToString())
    assert clip["media_id"].numpy() == b""
    assert len(clip["frames"]) == 4


def test_bytes_that_are_no_jpeg_are_refused():
    jpeg = records.encode_frame(gradient_frames(1)[0])
    for bad in (b"nonsense", jpeg[: len(jpeg) // 2]):
        with pytest.raises(tf.errors.InvalidArgumentError):
            records.decode_frames(tf.constant([jpeg, bad]))


def test_model_garden_reads_our_records():
    video_input = pytest.importorskip("official.vision.dataloaders.video_input")
    record = clip_record(6, label=2)
    decoded = video_input.Decoder().decode(tf.constant(record))
    assert decoded[video_input.LABEL_KEY].numpy().tolist() == [2]
    frames = video_input.process_image(
        decoded[video_input.IMAGE_KEY],
        is_training=False,
        num_frames=6,
        min_resize=32,
        crop_size=32,
    )
    centre = gradient_frames(6)[:, :, 8:40] / 255
    assert frames.shape == (6, 32, 32, 3)
    assert np.abs(frames - centre).mean() < 0.02
