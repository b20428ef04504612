import numpy as np
import pytest

from adafuse_tf.data import Augmentation, mirror_pairs
from adafuse_tf.training import ConfigError, Experiment, load_config, save_config
from adafuse_tf.training.augmentation import build_augmentation
from tests.training.conftest import LABELS, settings

KEY = "task.train_data.augmentation"


def config(**values):
    overrides = [f"{KEY}.{key}={value}" for key, value in values.items()]
    return load_config(overrides=overrides).task.train_data.augmentation


def test_defaults_are_those_of_the_class():
    assert build_augmentation(config(), LABELS) == Augmentation()


def test_settings_become_arguments():
    augmentation = build_augmentation(
        config(multi_scale_crop="[]", random_resized_crop="[0.2, 0.9]", hue=0.1),
        LABELS,
    )
    assert augmentation.random_resized_crop == (0.2, 0.9)
    assert augmentation.hue == 0.1 and augmentation.flip_labels == ()


@pytest.mark.parametrize("table", ["something_v1", "something_v2", "jester"])
def test_ready_made_tables(table):
    labels = [*sorted(mirror_pairs(table)), *mirror_pairs(table).values(), "other"]
    chosen = config(flip_probability=0.5, flip_labels=table)
    mirrored = build_augmentation(chosen, labels).flip_labels
    half = len(labels) // 2
    assert sorted(mirrored[:half]) == list(range(half, 2 * half))
    assert mirrored[-1] == len(labels) - 1


def test_pairs_of_ones_own():
    chosen = config(flip_probability=0.5, flip_labels="{darker: lighter}")
    assert build_augmentation(chosen, LABELS).flip_labels == (1, 0)


def test_pairs_survive_saving(tmp_path):
    flip = "{flip_probability: 0.5, flip_labels: {'a, b': 'c, d'}}"
    before = load_config(overrides=[f"{{{KEY}: {flip}}}"])
    save_config(before, tmp_path / "params.yaml")
    after = load_config(config_files=[tmp_path / "params.yaml"])
    assert after == before
    assert after.task.train_data.augmentation.flip_labels == {"a, b": "c, d"}


@pytest.mark.parametrize(
    "table, match",
    [
        ("jester", f"{KEY}.flip_labels: No label of this data set.*darker"),
        ("{darker: ligther}", "Did you mean 'lighter'"),
    ],
)
def test_tables_that_do_not_go_with_the_labels(table, match):
    chosen = config(flip_probability=0.5, flip_labels=table)
    with pytest.raises(ConfigError, match=match):
        build_augmentation(chosen, LABELS)


@pytest.mark.parametrize(
    "values, match",
    [
        ({"flip_labels": "jester"}, "flip_labels needs a flip_probability above 0"),
        ({"flip_labels": "sth"}, "flip_labels: must be one of none, something_v1.*sth"),
        ({"flip_labels": 3}, "flip_labels: must be one of.*Received: 3"),
        ({"flip_labels": "{a: b, c: b}"}, "flip_labels: A class.*'b' twice"),
        ({"flip_labels": "{a: 1}"}, "flip_labels: must be one of.*'a': 1"),
        ({"random_resized_crop": "[0.1, 1.0]"}, r"set multi_scale_crop to \[\]"),
        (
            {"multi_scale_crop": "[]", "random_resized_crop": "[0.1]"},
            r"two rising shares.*\[0.1\]",
        ),
        (
            {"multi_scale_crop": "[]", "random_resized_crop": "[0.5, 0.1]"},
            r"two rising shares.*\[0.5, 0.1\]",
        ),
        (
            {"multi_scale_crop": "[]", "random_resized_crop": "[0.5, 2.0]"},
            r"random_resized_crop\[1\]: must be at most 1.0. Received: 2.0",
        ),
        ({"aspect_range": "[2.0, 1.0]"}, r"aspect_range must rise.*\[2.0, 1.0\]"),
        ({"hue": 0.6}, "hue: must be at most 0.5. Received: 0.6"),
        ({"brightness": -1}, "brightness: must be at least 0"),
        ({"rand_augment_layers": 1.5}, "rand_augment_layers: must be an integer"),
        ({"rand_augment_magnitude": 11}, "rand_augment_magnitude: must be at most 10"),
        ({"mixup_alpha": -0.1}, "mixup_alpha: must be at least 0"),
        ({"cutmix": 1}, "cutmix: unknown key"),
    ],
)
def test_wrong_settings(values, match):
    with pytest.raises(ConfigError, match=match):
        config(**values)


def test_training_batches_with_everything_repeat(records_dir, tmp_path):
    values = {
        "flip_probability": 0.5,
        "flip_labels": "{darker: lighter}",
        "contrast": 0.3,
        "mixup_alpha": 0.4,
    }
    changes = {f"{KEY}.{key}": str(value) for key, value in values.items()}
    experiment = Experiment(settings(records_dir, **changes), tmp_path)
    one, again = (list(experiment.datasets.train()) for _ in range(2))
    assert len(one) == experiment.datasets.steps_per_epoch
    for (clips, labels), (clips_again, labels_again) in zip(one, again, strict=True):
        np.testing.assert_array_equal(clips, clips_again)
        np.testing.assert_array_equal(labels, labels_again)
        assert labels.shape == (4, len(LABELS))
        np.testing.assert_allclose(np.sum(labels, -1), 1, atol=1e-6)


@pytest.mark.usefixtures("tiny_model")
def test_a_model_learns_from_mixed_batches(records_dir, tmp_path):
    changes = {f"{KEY}.mixup_alpha": "0.2", "task.label_smoothing": "0.1"}
    experiment = Experiment(settings(records_dir, **changes), tmp_path)
    model, _ = experiment.compiled_model()
    history = model.fit(experiment.datasets.train(), verbose=0).history
    assert 0.3 < history["logits_loss"][0] < 1.5  # log(2) where nothing is learned
    assert 0 <= history["logits_top1"][0] <= 1
