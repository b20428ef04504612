import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf.data import Position, mixup_batches
from adafuse_tf.data.augment.mixup import mix_batch
from tests.model_garden import needs_model_garden

LABELS = np.array([0, 2, 1, 2], np.int32)


def clips(count=4):
    return np.random.default_rng(0).normal(size=[count, 2, 3, 3, 3]).astype("float32")


def mix(seed=(1, 2), alpha=1.0):
    return [x.numpy() for x in mix_batch(tf.constant(clips()), LABELS, 3, alpha, seed)]


def test_clips_and_labels_are_blended_by_the_same_shares():
    mixed, soft = mix()
    original = clips()
    one_hot = np.eye(3)[LABELS]
    # The share of each clip, from the label, is that of all its pixels. Clip 0 is
    # blended with clip 3, clip 1 with clip 2.
    for number, other in enumerate([3, 2, 1, 0]):
        share = soft[number, LABELS[number]]
        assert 0 <= share <= 1
        expected = share * original[number] + (1 - share) * original[other]
        np.testing.assert_allclose(mixed[number], expected, atol=1e-5)
        expected = share * one_hot[number] + (1 - share) * one_hot[other]
        np.testing.assert_allclose(soft[number], expected, atol=1e-6)


@needs_model_garden
def test_agrees_with_model_garden_given_the_same_shares(monkeypatch):
    from official.vision.ops import augment

    mixed, soft = mix()
    shares = tf.constant(soft[range(4), LABELS], tf.float32)
    reference = augment.MixupAndCutmix(
        3, mixup_alpha=1.0, cutmix_alpha=0.0, label_smoothing=0.0
    )
    monkeypatch.setattr(augment.MixupAndCutmix, "_sample_from_beta", lambda *_: shares)
    theirs, labels = reference.distort(tf.constant(clips()), tf.constant(LABELS))
    np.testing.assert_allclose(mixed, theirs, atol=1e-5)
    np.testing.assert_allclose(soft, labels, atol=1e-6)


@pytest.mark.parametrize("alpha, spread", [(0.1, 0.456), (1.0, 0.289), (8.0, 0.121)])
def test_shares_follow_the_beta_distribution(alpha, spread):
    count = 2000
    blank = tf.zeros([count, 1, 1, 1, 3])
    labels = np.arange(count) % 2  # an even count: 0 meets 1
    shares = mix_batch(blank, labels, 2, alpha, [1, 2])[1].numpy()[:, 0]
    assert abs(shares[::2].mean() - 0.5) < 0.04
    # sqrt(1 / (4 (2 alpha + 1)))
    assert abs(shares[::2].std() - spread) < 0.02


def test_same_seed_same_batch():
    np.testing.assert_array_equal(mix((5, 6))[0], mix((5, 6))[0])
    assert np.abs(mix((5, 6))[0] - mix((6, 6))[0]).max() > 0.1


def batches(seed):
    dataset = tf.data.Dataset.from_tensor_slices((clips(8), np.arange(8))).batch(4)
    return mixup_batches(dataset, 8, 0.5, seed)


def test_batches_repeat_with_a_seed_but_not_from_pass_to_pass():
    def labels(dataset):
        return np.concatenate([soft.numpy() for _, soft in dataset])

    one, again = batches(3), batches(3)
    first = labels(one)
    np.testing.assert_array_equal(first, labels(again))
    assert np.abs(first - labels(one)).max() > 0.1
    assert np.abs(first - labels(batches(4))).max() > 0.1


def test_batches_after_a_position_are_those_of_the_whole_pass():
    def soft(clips_behind, num_workers=1):
        # All batches are the same, so that they differ by their draws.
        dataset = tf.data.Dataset.from_tensors((clips(4), np.arange(4))).repeat(3)
        place = Position(3, epoch=1, clips=clips_behind, num_workers=num_workers)
        mixed = mixup_batches(dataset, 4, 0.5, position=place)
        return [labels.numpy() for _, labels in mixed]

    whole = soft(0)
    assert np.abs(whole[0] - whole[1]).max() > 0.1
    np.testing.assert_array_equal(soft(4)[:2], whole[1:])
    np.testing.assert_array_equal(soft(16, num_workers=2)[0], whole[2])
    ragged = tf.data.Dataset.from_tensor_slices((clips(6), np.arange(6))).batch(4)
    with pytest.raises(ValueError, match="drop_remainder=True"):
        mixup_batches(ragged, 6, 0.5, position=Position(3))


def test_batches_keep_their_shape_and_number():
    dataset = batches(1)
    assert dataset.cardinality() == 2
    shapes = tf.nest.map_structure(lambda spec: spec.shape.as_list(),
                                   dataset.element_spec)  # fmt: skip
    assert shapes == ([None, 2, 3, 3, 3], [None, 8])


@pytest.mark.parametrize(
    "arguments, match", [((3, 0.0), "alpha=0.0"), ((0, 1.0), "num_classes=0")]
)
def test_numbers_out_of_range(arguments, match):
    with pytest.raises(ValueError, match=match):
        mixup_batches(tf.data.Dataset.range(1), *arguments)
