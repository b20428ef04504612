"""Weights files: what is in them and what is refused."""

import h5py
import keras
import numpy as np
import pytest

from adafuse_tf.layers import AdaptiveTemporalFusion
from adafuse_tf.models import VideoClassifier
from adafuse_tf.training import ModelDirError
from adafuse_tf.training.checkpoints import load_weights, save_weights
from adafuse_tf.training.model_dir import learned_policies
from adafuse_tf.training.schedules import DenseWarmup


def classifier(width=4, classes=2, extra=False):
    layers = [keras.Input((3,)), keras.layers.Dense(width, name="body")]
    layers += [keras.layers.Dense(width, name="extra")] * extra
    model = keras.Sequential([*layers, keras.layers.Dense(classes, name="head")])
    model.compile("adam", "mse")
    return model


def weights_of(model):
    return [np.array(w) for w in model.get_weights()]


def test_round_trip_without_the_optimizer(tmp_path):
    model, other = classifier(), classifier()
    model.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
    save_weights(model, tmp_path / "new" / "last.weights.h5")
    with h5py.File(tmp_path / "new" / "last.weights.h5") as file:
        assert "optimizer" not in file
    load_weights(other, tmp_path / "new" / "last.weights.h5")
    for a, b in zip(weights_of(model), weights_of(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_failed_save_leaves_the_former_file(tmp_path, monkeypatch):
    path = tmp_path / "last.weights.h5"
    model = classifier()
    save_weights(model, path)
    before = path.read_bytes()

    def fail(path):
        raise OSError("disk full")

    monkeypatch.setattr(model, "save_weights", fail)
    with pytest.raises(OSError, match="disk full"):
        save_weights(model, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("other", "layer", "shape"),
    [
        ({"width": 5}, "body", r"\(3, 4\) in the file and \(3, 5\)"),
        ({"classes": 3}, "head", r"\(4, 2\) in the file and \(4, 3\)"),
        ({"extra": True}, "extra|head", "in the file"),
    ],
)
def test_another_architecture_is_named(tmp_path, other, layer, shape):
    save_weights(classifier(), tmp_path / "last.weights.h5")
    model = classifier(**other)
    before = weights_of(model)
    with pytest.raises(ModelDirError, match=f"architecture: ({layer}) .*{shape}") as e:
        load_weights(model, tmp_path / "last.weights.h5")
    assert "\n" not in str(e.value)
    for a, b in zip(before, weights_of(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_file_with_more_layers_is_refused(tmp_path):
    save_weights(classifier(extra=True), tmp_path / "last.weights.h5")
    with pytest.raises(ModelDirError, match="architecture"):
        load_weights(classifier(), tmp_path / "last.weights.h5")


def test_new_classifier_keeps_its_own_head(tmp_path):
    source, model = classifier(), classifier(classes=3)
    save_weights(source, tmp_path / "last.weights.h5")
    head = weights_of(model)[2:]
    load_weights(model, tmp_path / "last.weights.h5", as_start=True)
    expected = weights_of(source)[:2] + head
    for a, b in zip(expected, weights_of(model), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ModelDirError, match="body"):
        load_weights(classifier(width=5), tmp_path / "last.weights.h5", as_start=True)


@pytest.mark.parametrize(
    ("plain", "options"),
    [("tsm_causal_resnet18", {}), ("tsn_resnet50", {"gates": ["stage4"]})],
)
def test_gates_are_added_to_a_network_without(tmp_path, plain, options):
    path = tmp_path / "last.weights.h5"
    source = VideoClassifier.from_preset(plain, 4, width=0.125)
    for number, variable in enumerate(source.variables):
        variable.assign(np.full(variable.shape, number))
    save_weights(source, path)
    options = {"width": 0.125, "hidden_units": 4, **options}
    model = VideoClassifier.from_preset(f"adafuse_{plain}", 3, **options)
    gates = [layer for layer in model.backbone.layers if is_gate(layer)]
    kept = [np.array(v) for gate in gates for v in gate.variables]
    with pytest.raises(ModelDirError, match="architecture"):
        load_weights(model, path)
    load_weights(model, path, as_start=True)
    expected = {v.path: np.array(v) for v in source.backbone.variables}
    found = {v.path: np.array(v) for v in model.backbone.variables}
    assert len(gates) == (8 if plain == "tsm_causal_resnet18" else 3)
    assert len(expected) > 60 and expected.keys() <= found.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(values, found[name], name)
    for a, b in zip(kept, [v for g in gates for v in g.variables], strict=True):
        np.testing.assert_array_equal(a, b)


def test_gates_of_another_form_are_no_network_without(tmp_path):
    path = tmp_path / "last.weights.h5"
    preset, options = "adafuse_tsn_resnet18", {"width": 0.125, "hidden_units": 4}
    save_weights(VideoClassifier.from_preset(preset, 4, **options), path)
    model = VideoClassifier.from_preset(preset, 4, **options, group_size=2)
    with pytest.raises(ModelDirError, match=r"policy.*\(4, 24\).*\(4, 12\)"):
        load_weights(model, path, as_start=True)


def test_a_gate_is_no_classifier(tmp_path):
    """One gate alone differs in one layer, too."""
    path = tmp_path / "last.weights.h5"
    preset = "adafuse_tsn_resnet18"
    options = {"width": 0.125, "hidden_units": 4, "gates": ["stage4_block1"]}
    save_weights(VideoClassifier.from_preset(preset, 4, **options), path)
    model = VideoClassifier.from_preset(preset, 4, **options, group_size=2)
    with pytest.raises(ModelDirError, match="policy"):
        load_weights(model, path, as_start=True)


@pytest.mark.parametrize("shift_projection", [False, True])
def test_gates_that_keep_all_leave_the_network_as_it_was(tmp_path, shift_projection):
    path = tmp_path / "last.weights.h5"
    options = {"width": 0.125, "shift_projection": shift_projection}
    source = VideoClassifier.from_preset("tsm_causal_resnet18", 4, **options)
    save_weights(source, path)
    options["hidden_units"] = 4
    model = VideoClassifier.from_preset("adafuse_tsm_causal_resnet18", 4, **options)
    load_weights(model, path, as_start=True)
    DenseWarmup(learned_policies(model), 1).on_epoch_begin(0)
    clip = np.random.default_rng(0).random([1, 3, 32, 32, 3], "float32")
    expected, found = (np.array(m(clip)["logits"]) for m in (source, model))
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found, expected, atol=1e-6)


def is_gate(layer):
    return isinstance(layer, AdaptiveTemporalFusion)


def test_damaged_and_missing_files(tmp_path):
    (tmp_path / "bad.weights.h5").write_bytes(b"nothing")
    with pytest.raises(ModelDirError, match="is no weights file, or damaged"):
        load_weights(classifier(), tmp_path / "bad.weights.h5")
    with pytest.raises(FileNotFoundError, match="none.weights.h5"):
        load_weights(classifier(), tmp_path / "none.weights.h5")


WRAPPED = ("conv2d", "batch_normalization", "zero_padding2d", "max_pooling2d")


def as_of_version_0_1(path, target):
    """Rewrites a file as it was when a layer wrapped each layer of images."""
    number = 0
    with h5py.File(path) as source, h5py.File(target, "w") as copy:
        copy.attrs.update(source.attrs)
        for name, group in source["layers"].items():
            place = f"layers/{name}"
            if any(name == kind or name.startswith(f"{kind}_") for kind in WRAPPED):
                place = f"layers/per_frame_{number}/layer"
                number += 1
            source.copy(group, copy, place)
    return number


def test_files_of_the_first_version(tmp_path):
    options = {"width": 0.125, "hidden_units": 8}
    preset = "adafuse_tsm_causal_resnet18"
    keras.utils.set_random_seed(1)
    source = VideoClassifier.from_preset(preset, 4, **options)
    save_weights(source, tmp_path / "now.weights.h5")
    old = tmp_path / "old.weights.h5"
    assert as_of_version_0_1(tmp_path / "now.weights.h5", old) > 40
    model = VideoClassifier.from_preset(preset, 4, **options)
    load_weights(model, old)
    clips = np.random.default_rng(0).normal(size=(1, 2, 32, 32, 3)).astype("float32")
    np.testing.assert_array_equal(model(clips)["logits"], source(clips)["logits"])
    wider = VideoClassifier.from_preset(preset, 4, **{**options, "width": 0.25})
    with pytest.raises(ModelDirError, match="of another architecture"):
        load_weights(wider, old)
