import json

import pytest
import tensorflow as tf

from adafuse_tf.data import (
    Preprocessing,
    clips,
    load_dataset_info,
    record_files,
)
from adafuse_tf.data.conversion.index_records import index_records
from tests.data.videos import clip_record, gradient_frames, write_records, write_video


def without_text(record):
    example = tf.train.SequenceExample.FromString(record)
    del example.context.feature["clip/label/text"]
    return example.SerializeToString()


def test_labels_come_from_the_records(tmp_path):
    train = [clip_record(4, label=k) for k in (0, 2, 2)]
    write_records(tmp_path / "train-00000-of-00001.tfrecord", train)
    write_records(tmp_path / "my_val_1.tfrecord", [clip_record(4, label=1)])
    info = index_records(tmp_path)
    assert info == load_dataset_info(tmp_path)
    assert info.labels == ("label 0", "label 1", "label 2")
    assert list(info.splits) == ["train", "validation"]
    counts = {"label 0": 1, "label 1": 0, "label 2": 2}
    assert info.splits["train"].num_clips == 3
    assert info.splits["train"].clips_per_label == counts


def test_labels_file_or_numbers_stand_in(tmp_path):
    record = without_text(clip_record(4, label=1))
    path = write_records(tmp_path / "kinetics_train.tfrecord-00000-of-00001", [record])
    assert index_records(tmp_path).labels == ("0", "1")
    (tmp_path / "labels.txt").write_text("down\nup\n")
    assert index_records(tmp_path).labels == ("down", "up")
    assert record_files(tmp_path, "train") == [path]


def test_elsewhere_names_full_paths_and_leaves_the_records_alone(tmp_path):
    (tmp_path / "records").mkdir()
    path = write_records(tmp_path / "records" / "train.tfrecord", [clip_record(4)])
    index_records(tmp_path / "records", tmp_path / "index")
    assert [p.name for p in (tmp_path / "records").iterdir()] == ["train.tfrecord"]
    assert record_files(tmp_path / "index", "train") == [path]


def test_records_of_model_garden_are_trained_on(tmp_path):
    garden = pytest.importorskip("official.vision.dataloaders.tfexample_utils")

    def example(label):
        # What make_video_test_example does, but that fails on NumPy 2.4.
        example = tf.train.SequenceExample()
        jpeg = garden.encode_image(gradient_frames(1, 40, 56)[0], "JPEG")
        garden.put_int64_to_context(example, label=label)
        garden.put_bytes_list_to_feature(example, jpeg, repeat_num=4)
        return example

    for split in ("train", "validation"):
        examples = [example(k % 2) for k in range(4)]
        path = str(tmp_path / f"{split}-00000-of-00001.tfrecord")
        garden.dump_to_tfrecord(path, examples)
    index_records(tmp_path)
    preprocessing = Preprocessing(num_frames=4, resize=36, crop=32)
    files = record_files(tmp_path, "train")
    batch, labels = next(iter(clips(files, preprocessing, 4, training=True, seed=1)))
    assert batch.shape == (4, 4, 32, 32, 3)
    assert sorted(labels.numpy().tolist()) == [0, 0, 1, 1]
    model = tf.keras.Sequential(
        [tf.keras.layers.GlobalAveragePooling3D(), tf.keras.layers.Dense(2)]
    )
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, run_eagerly=True)
    history = model.fit(batch, labels, verbose=0).history
    assert history["loss"][0] > 0


def test_our_records_are_read_by_model_garden(tmp_path):
    video_input = pytest.importorskip("official.vision.dataloaders.video_input")
    from official.vision.configs import video_classification

    path = write_records(
        tmp_path / "train.tfrecord", [clip_record(8, label=2, height=40, width=56)]
    )
    config = video_classification.DataConfig(
        input_path=path,
        feature_shape=(4, 32, 32, 3),
        min_image_size=36,
        num_classes=3,
        global_batch_size=1,
        is_training=True,
    )
    for training in (True, False):
        parse = video_input.Parser(config).parse_fn(training)
        (record,) = tf.data.TFRecordDataset(path)
        features, label = parse(video_input.Decoder().decode(record))
        assert features["image"].shape == (4, 32, 32, 3)
        assert label.numpy().tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    "change, text",
    [
        ({"clip/label/index": None}, r"record 2: one label is needed.*\[\]"),
        ({"clip/label/index": [1, 2]}, r"record 2: one label is needed.*\[1, 2\]"),
        ({"clip/label/index": [-1]}, r"record 2: one label is needed.*\[-1\]"),
    ],
)
def test_records_without_one_label(tmp_path, change, text):
    example = tf.train.SequenceExample.FromString(clip_record(4))
    ((key, values),) = change.items()
    example.context.feature[key].int64_list.value[:] = values or []
    path = tmp_path / "train.tfrecord"
    write_records(path, [clip_record(4), example.SerializeToString()])
    with pytest.raises(ValueError, match=f"train.tfrecord, {text}"):
        index_records(tmp_path)


def test_damage_is_named(tmp_path):
    path = tmp_path / "train.tfrecord"
    write_records(path, [clip_record(4), clip_record(4)])
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match="train.tfrecord is damaged.* after 1 whole"):
        index_records(tmp_path)
    write_records(path, [clip_record(4), b"something else"])
    with pytest.raises(ValueError, match="train.tfrecord, record 2: not a clip"):
        index_records(tmp_path)


def test_contradicting_names(tmp_path):
    other = tf.train.SequenceExample.FromString(clip_record(4))
    other.context.feature["clip/label/text"].bytes_list.value[:] = [b"other"]
    path = tmp_path / "train.tfrecord"
    write_records(path, [clip_record(4), other.SerializeToString()])
    with pytest.raises(ValueError, match="record 2: the class 0 is called 'other'"):
        index_records(tmp_path)
    write_records(path, [clip_record(4)])
    (tmp_path / "labels.txt").write_text("one\ntwo\n")
    with pytest.raises(ValueError, match="labels.txt calls the class 0 'one'"):
        index_records(tmp_path)
    write_records(path, [without_text(clip_record(4, label=3))])
    with pytest.raises(ValueError, match="labels.txt names 2 classes.* of class 3"):
        index_records(tmp_path)
    (tmp_path / "labels.txt").write_text("a\nb\na\nc\n")
    with pytest.raises(ValueError, match="one name. Received: 'a'"):
        index_records(tmp_path)


@pytest.mark.parametrize("name", ["a.tfrecord", "train_or_test.tfrecord"])
def test_unclear_split(tmp_path, name):
    write_records(tmp_path / name, [clip_record(4)])
    with pytest.raises(ValueError, match=f"{name}' does not tell its split"):
        index_records(tmp_path)


def test_no_records(tmp_path):
    with pytest.raises(FileNotFoundError, match="no record files"):
        index_records(tmp_path)
    with pytest.raises(FileNotFoundError, match="A folder of record files is needed"):
        index_records(tmp_path / "none")


def test_a_conversion_deletes_no_records_that_it_did_not_write(tmp_path):
    pytest.importorskip("av")
    from adafuse_tf.data import Item
    from adafuse_tf.data.conversion.convert import convert

    write_records(tmp_path / "my-train.tfrecord", [clip_record(4)])
    index_records(tmp_path)
    video = write_video(tmp_path / "1.mp4", gradient_frames(4))
    convert([Item(str(video), "1.mp4", "up", "train")], tmp_path, workers=1)
    assert (tmp_path / "my-train.tfrecord").exists()
    info = json.loads((tmp_path / "dataset.json").read_text())
    assert info["splits"]["train"]["files"] == ["train-00000-of-00001.tfrecord"]
