import numpy as np
import pytest

from adafuse_tf.data import (
    Augmentation,
    BadItems,
    DataError,
    Item,
    Preprocessing,
    Sampler,
    Views,
    clear_errors,
    clips,
    records,
    video_clips,
)
from adafuse_tf.data.decoding import item_reader
from tests.data.videos import gradient_frames, write_records, write_video

SMALL = Preprocessing(num_frames=4, resize=32, crop=32, mean=(0, 0, 0), std=(1, 1, 1))
LABELS = ("a", "b", "c")
COUNTS = (9, 14, 30, 3, 21)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Items, and a file of records of the same videos in the same order."""
    folder = tmp_path_factory.mktemp("videos")
    items, serialized = [], []
    for k, count in enumerate(COUNTS):
        path = write_video(folder / f"{k}.mp4", gradient_frames(count, 48, 64))
        item = Item(str(path), f"{k}.mp4", LABELS[k % 3], "train")
        items.append(item)
        with item_reader.open_item(item) as video:
            jpegs = [records.encode_frame(frame) for frame in video.frames]
        serialized.append(
            records.encode_clip(
                jpegs,
                label_index=k % 3,
                label_text=item.label,
                media_id=item.name,
                width=64,
                height=48,
            )
        )
    return items, write_records(folder / "a.tfrecord", serialized)


def collect(dataset):
    batches = [(x.numpy(), y.numpy()) for x, y in dataset]
    assert {len(y) for _, y in batches[:-1]} <= {2}
    return tuple(np.concatenate(part) for part in zip(*batches, strict=True))


@pytest.mark.parametrize(
    "options",
    [
        {"training": False},
        {"training": False, "sampler": Sampler("dense", 2), "views": Views(2, 3)},
        {"training": True, "seed": 3},
        {"training": True, "seed": 4, "sampler": Sampler("dense", 2)},
        {"training": True, "seed": 5, "augmentation": Augmentation()},
    ],
    ids=["evaluation", "views", "training", "dense", "augmentation"],
)
def test_batches_are_those_of_records(data, options):
    items, path = data
    from_records = clips(path, SMALL, 2, **options)
    from_videos = video_clips(items, LABELS, SMALL, 2, **options)
    assert from_videos.element_spec == from_records.element_spec
    for _ in range(2):  # passes, as in two epochs
        (x, y), (expected, labels) = collect(from_videos), collect(from_records)
        # Frames are 8 grey levels apart: so these are the same frames, but for JPEG.
        assert np.abs(x - expected).mean() < 1 / 255
        assert np.abs(x - expected).max() < 12 / 255
        assert y.tolist() == labels.tolist()
        assert y.dtype == labels.dtype


def test_counts_are_kept_in_mind(data, monkeypatch):
    asked = []

    def count(item):
        asked.append(item.name)
        return item_reader_count(item)

    item_reader_count = item_reader.count_frames
    monkeypatch.setattr(item_reader, "count_frames", count)
    dataset = video_clips(data[0], LABELS, SMALL, 2, training=True, seed=0)
    collect(dataset)
    collect(dataset)
    assert sorted(asked) == sorted(item.name for item in data[0])


@pytest.fixture
def with_damage(data, tmp_path):
    """The good items with three bad ones in front, between and behind."""
    bad = []
    for name in ("text.mp4", "cut.mp4", "gone.mp4"):
        bad.append(Item(str(tmp_path / name), name, "a", "train"))
    (tmp_path / "text.mp4").write_text("This is no video.")
    whole = open(data[0][2].path, "rb").read()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    return [bad[0], *data[0][:3], bad[1], *data[0][3:], bad[2]]


@pytest.mark.parametrize("training", [False, True])
def test_broken_videos_are_skipped_and_named(with_damage, training, capfd):
    bad_items = BadItems(max_bad=3)
    dataset = video_clips(
        with_damage,
        LABELS,
        SMALL,
        2,
        training=training,
        seed=1 if training else None,
        bad_items=bad_items,
    )
    for _ in range(2):
        _, y = collect(dataset)
        assert sorted(y.tolist()) == [0, 0, 1, 1, 2]
        names = sorted(name.rsplit("(")[1] for name in bad_items.skipped)
        assert names == ["'cut.mp4')", "'gone.mp4')", "'text.mp4')"]
        assert "does not exist" in bad_items.skipped[name_of(with_damage[-1])]
    printed = capfd.readouterr().err
    assert printed.count("Skipped ") == 3


def name_of(item):
    return f"{item.path} ('{item.name}')"


@pytest.mark.parametrize("max_bad", [0, 2])
def test_one_broken_video_too_many_ends_it(with_damage, max_bad):
    bad_items = BadItems(max_bad)
    dataset = video_clips(
        with_damage, LABELS, SMALL, 2, training=False, bad_items=bad_items
    )
    with pytest.raises(DataError) as caught, clear_errors(bad_items):
        collect(dataset)
    names = [name_of(with_damage[k]) for k in (0, 4, -1)]
    assert any(f"Cannot read {name}: " in str(caught.value) for name in names)


def test_wrong_items(data):
    with pytest.raises(ValueError, match=r"items=\[\]"):
        video_clips([], LABELS, SMALL, 2, training=False)
    with pytest.raises(ValueError, match="not one of .*Received: 'c', path=.*2.mp4"):
        video_clips(data[0], LABELS[:2], SMALL, 2, training=False)
