import itertools

import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.data import (
    Augmentation,
    BadItems,
    DataError,
    Preprocessing,
    Sampler,
    Views,
    clear_errors,
    clips,
    mixup_batches,
    records,
)
from tests.data.videos import clip_record, write_records

SMALL = Preprocessing(num_frames=4, resize=32, crop=32, mean=(0, 0, 0), std=(1, 1, 1))


@pytest.fixture
def folder(tmp_path):
    """Two files with labels 0..5 and 6..9; ten frames each."""
    for name, labels in (("a", range(6)), ("b", range(6, 10))):
        serialized = [clip_record(10, label, f"clip {label}") for label in labels]
        write_records(tmp_path / f"{name}.tfrecord", serialized)
    return str(tmp_path)


def collect(dataset):
    batches = [(x.numpy(), y.numpy()) for x, y in dataset]
    return np.concatenate([x for x, _ in batches]), np.concatenate(
        [y for _, y in batches]
    )


def test_evaluation_keeps_the_order_and_takes_the_centre_frames(folder):
    x, y = collect(clips(folder, SMALL, 4, training=False))
    assert x.dtype == np.float32 and y.dtype == np.int32
    assert y.tolist() == list(range(10))
    # Ten frames, four segments: 1, 3, 6, 8; frame k is 8 k brighter than the first.
    steps = np.diff(x.mean(axis=(0, 2, 3, 4)))
    np.testing.assert_allclose(steps * 255 / 8, [2, 3, 2], atol=0.1)


def test_shapes_are_static_where_they_can_be(folder):
    spec = clips(folder, SMALL, 4, training=False).element_spec
    assert spec[0].shape.as_list() == [None, 4, 32, 32, 3]
    full = clips(folder, SMALL, 4, training=True, drop_remainder=True)
    assert full.element_spec[0].shape.as_list() == [4, 4, 32, 32, 3]
    assert len(list(full)) == 2


@pytest.mark.parametrize(
    ("augmentation", "sampler", "cache"),
    [
        (None, Sampler("segments"), True),
        (Augmentation(flip_probability=0.5), Sampler("dense", stride=2), False),
    ],
)
def test_same_seed_same_batches(folder, augmentation, sampler, cache):
    def run(seed):
        dataset = clips(
            folder,
            SMALL,
            3,
            training=True,
            augmentation=augmentation,
            sampler=sampler,
            seed=seed,
            cache=cache,
        )
        # Two passes, as in two epochs of training.
        return [collect(dataset), collect(dataset)]

    first, again, other = run(1), run(1), run(2)
    for (x, y), (x_again, y_again) in zip(first, again, strict=True):
        assert sorted(y.tolist()) == list(range(10))
        np.testing.assert_array_equal(y, y_again)
        np.testing.assert_array_equal(x, x_again)
    assert first[0][1].tolist() != other[0][1].tolist()
    # The second pass has another order and other draws for the same clip.
    assert first[0][1].tolist() != first[1][1].tolist()
    by_label = [dict(zip(y.tolist(), x, strict=True)) for x, y in first]
    changed = [np.abs(by_label[0][k] - by_label[1][k]).max() > 0.02 for k in range(10)]
    assert sum(changed) >= 5


def test_no_seed_differs_from_run_to_run(folder):
    orders = {
        tuple(collect(clips(folder, SMALL, 10, training=True))[1].tolist())
        for _ in range(2)
    }
    assert len(orders) > 1


def test_all_frames_of_a_clip_get_the_same_crop(tmp_path):
    still = np.random.default_rng(0).integers(0, 256, [1, 32, 48, 3], np.uint8)
    still = still.repeat(6, 0)
    path = write_records(tmp_path / "a.tfrecord", [clip_record(frames=still)] * 8)
    augmentation = Augmentation(flip_probability=0.5)
    x, _ = collect(
        clips(path, SMALL, 8, training=True, augmentation=augmentation, seed=0)
    )
    assert np.abs(x - x[:, :1]).max() == 0
    assert np.abs(x - x[:1]).max() > 0.1  # but each clip its own


@pytest.mark.parametrize("training", [False, True])
def test_nothing_waits_for_tensorflows_tuning(training, folder):
    """Letting go of a tuned iterator can take a minute; `pipeline` says why."""
    dataset = clips(folder, SMALL, 4, training=training)
    assert dataset.options().autotune.enabled is False
    names = clips(folder, SMALL, 4, training=training, names_only=True)
    assert names.options().autotune.enabled is False
    if training:
        mixed = mixup_batches(dataset, num_classes=10, alpha=0.2, seed=0)
        assert mixed.options().autotune.enabled is False


def test_repeat_goes_on(folder):
    dataset = clips(folder, SMALL, 5, training=True, repeat=True, seed=0)
    labels = [y.numpy().tolist() for _, y in itertools.islice(dataset, 6)]
    # Passes do not mix: each two batches hold every clip once.
    for first, second in zip(labels[::2], labels[1::2], strict=True):
        assert sorted(first + second) == list(range(10))


def test_only_chosen_frames_are_decoded(tmp_path):
    example = tf.train.SequenceExample.FromString(clip_record(8))
    frames = example.feature_lists.feature_list["image/encoded"].feature
    for k in (0, 2, 4, 6):  # the centres are 1, 3, 5, 7
        frames[k].bytes_list.value[0] = b"never looked at"
    path = write_records(tmp_path / "a.tfrecord", [example.SerializeToString()])
    x, _ = collect(clips(path, SMALL, 1, training=False))
    assert x.shape == (1, 4, 32, 32, 3)


def test_bad_arguments(folder):
    with pytest.raises(FileNotFoundError, match="No record file matches"):
        clips(f"{folder}/none", SMALL, 1, training=False)
    with pytest.raises(ValueError, match="batch_size=0"):
        clips(folder, SMALL, 0, training=False)
    with pytest.raises(ValueError, match="augmentation=.*training=False"):
        clips(folder, SMALL, 1, training=False, augmentation=Augmentation())
    with pytest.raises(ValueError, match="views=.*training=True"):
        clips(folder, SMALL, 1, training=True, views=Views(num_clips=2))


def brightness(x):
    """Frame k of `gradient_frames` is 8 k brighter than the first; returns k."""
    levels = x.mean(axis=(2, 3, 4)) * 255 / 8
    return levels - clip_brightness()


def clip_brightness():
    frames = records.decode_frames(records.parse_clip(clip_record(1))["frames"][:1])
    return SMALL.evaluate(frames).numpy().mean() * 255 / 8


def test_views_follow_upon_each_other(tmp_path):
    labels = [3, 1]
    path = write_records(
        tmp_path / "a.tfrecord", [clip_record(16, label) for label in labels]
    )
    # Batches need not know about videos.
    dataset = clips(path, SMALL, 5, training=False, views=Views(2, 3))
    assert dataset.element_spec[0].shape.as_list() == [None, 4, 32, 32, 3]
    x, y = collect(dataset)
    assert y.tolist() == [3] * 6 + [1] * 6
    for video in (x[:6], x[6:]):
        np.testing.assert_allclose(brightness(video)[1], [1, 5, 9, 13], atol=0.3)
        np.testing.assert_allclose(brightness(video)[4], [3, 7, 11, 15], atol=0.3)
        # From left to right it gets brighter, in every frame.
        sides = video.reshape(2, 3, -1).mean(axis=2)
        assert (np.diff(sides, axis=1) > 0.01).all()
    # The middle one is the only one of one crop, here where `crop` is `resize`.
    one, _ = collect(clips(path, SMALL, 4, training=False, views=Views(2)))
    np.testing.assert_array_equal(x.reshape(4, 3, 4, 32, 32, 3)[:, 1], one)


def broken_jpeg(kind):
    jpeg = records.encode_frame(np.full([32, 48, 3], 90, np.uint8))
    return {
        "not a picture": b"not a picture",
        "empty": b"",
        "cut short": jpeg[: len(jpeg) // 2],
        "broken header": jpeg[:20] + b"?" * 60 + jpeg[80:],
        "other size": records.encode_frame(np.zeros([16, 16, 3], np.uint8)),
    }[kind]


def damage(record, jpegs):
    example = tf.train.SequenceExample.FromString(record)
    frames = example.feature_lists.feature_list[records.FRAMES].feature
    if jpegs is None:
        del frames[:]
    for frame, jpeg in zip(frames, jpegs or [], strict=False):
        frame.bytes_list.value[0] = jpeg
    return example.SerializeToString()


KINDS = ["not a picture", "empty", "cut short", "broken header", "other size"]


@pytest.fixture(scope="module")
def with_damage(tmp_path_factory):
    """Twelve good clips 0..11, and seven bad ones between and behind them."""
    good = [clip_record(4, k, f"good {k}.mp4") for k in range(12)]
    bad = [
        damage(clip_record(4, 50, f"{kind}.mp4"), [broken_jpeg(kind)]) for kind in KINDS
    ]
    bad.append(damage(clip_record(4, 50, "no frames.mp4"), None))
    bad.append(b"something else")
    order = [*bad[:2], *good[:5], *bad[2:4], *good[5:], *bad[4:]]
    path = write_records(tmp_path_factory.mktemp("damage") / "a.tfrecord", order)
    names = [f"{kind}.mp4" for kind in KINDS]
    places = [f"{path}, clip {n}" for n in (1, 2, 8, 9, 17, 18, 19)]
    named = [f"{place} '{n}'" for place, n in zip(places, names, strict=False)]
    return path, [*named, *places[5:]]


@pytest.mark.parametrize("training", [False, True])
def test_bad_clips_are_skipped_named_and_counted(with_damage, training, capfd):
    path, names = with_damage
    bad_items = BadItems(max_bad=7)
    augmentation = Augmentation() if training else None
    dataset = clips(
        path,
        SMALL,
        4,
        training=training,
        seed=0 if training else None,
        augmentation=augmentation,
        bad_items=bad_items,
    )
    for _ in range(2):  # two passes, which count anew
        labels = [y.numpy().tolist() for _, y in dataset]
        assert sorted(sum(labels, [])) == list(range(12))  # none lost, none doubled
        assert [len(batch) for batch in labels] == [4, 4, 4]
        assert sorted(bad_items.skipped) == sorted(names)
        assert bad_items.counts() == {"bad_items": 7, "lost_clips": 0}
    printed = [x for x in capfd.readouterr().err.splitlines() if "Skipped" in x]
    assert len(printed) == 7
    assert all(any(name in line for line in printed) for name in names)


@pytest.mark.parametrize("max_bad", [0, 2, 6])
def test_one_bad_clip_too_many_ends_it(with_damage, max_bad):
    path, names = with_damage
    bad_items = BadItems(max_bad)
    dataset = clips(path, SMALL, 4, training=False, bad_items=bad_items)
    with pytest.raises(DataError) as caught, clear_errors(bad_items):
        collect(dataset)
    message = str(caught.value)
    assert message.count("\n") == 0
    assert any(f"Cannot read {name}: " in message for name in names)
    assert f"Received: max_bad={max_bad}" in message
    assert caught.value.__suppress_context__


def test_a_bad_clip_at_the_very_end_does_not_pass(tmp_path):
    bad = damage(clip_record(4, 0, "last.mp4"), [b"not a picture"])
    path = write_records(tmp_path / "a.tfrecord", [clip_record(4), bad])
    with pytest.raises(tf.errors.InvalidArgumentError, match="last.mp4"):
        collect(clips(path, SMALL, 1, training=False))
