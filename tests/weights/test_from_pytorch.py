"""Checkpoints that do not fit say why; ImageNet weights start a backbone."""

import numpy as np
import pytest

from adafuse_tf.layers import TemporalShift
from adafuse_tf.models import VideoClassifier
from adafuse_tf.weights import from_pytorch, initialize_backbone
from tests.golden import checkpoints


@pytest.fixture(scope="module")
def tensors():
    return checkpoints.load("r18_tsn_base_s64").tensors


@pytest.fixture(scope="module")
def gated_tensors():
    return checkpoints.load("r18_tsn_h64_s64").tensors


def without(tensors, name):
    return {k: v for k, v in tensors.items() if k != name}


@pytest.mark.parametrize(
    "name",
    (
        "module.base_model.layer3.1.conv2.weight",
        "module.base_model.layer4.0.downsample1.running_var",
        "module.base_model.layer2.0.policy_net.gate_fc1.weight",
        "module.new_fc.bias",
    ),
)
def test_missing_tensor_is_named(gated_tensors, name):
    common = name.removeprefix("module.").removeprefix("base_model.")
    with pytest.raises(ValueError, match="missing: " + common.replace("new_fc", "fc")):
        from_pytorch(without(gated_tensors, name))


def test_left_over_tensor_is_named(tensors):
    extra = {**tensors, "module.base_model.layer1.0.conv9.weight": np.zeros(3)}
    with pytest.raises(ValueError, match=r"left over: .*layer1\.0\.conv9\.weight"):
        from_pytorch(extra)


def test_misshapen_tensor_is_named(tensors):
    bad = {**tensors, "module.base_model.layer2.0.conv2.weight": np.zeros((1, 2, 3, 3))}
    with pytest.raises(ValueError, match=r"misshapen: .*layer2\.0\.conv2\.weight"):
        from_pytorch(bad)


def test_shared_tensors_must_agree():
    shared = dict(checkpoints.load("r18_tsn_s64").tensors)
    name = "module.base_model.layer1.1.policy_net.gate_fc0.bias"
    shared[name] = shared[name] + 1
    with pytest.raises(ValueError, match="shared, but different"):
        from_pytorch(shared)


def test_no_resnet():
    with pytest.raises(ValueError, match="no ResNet"):
        from_pytorch({"features.0.weight": np.zeros((8, 3, 3, 3))})


def test_shift_that_the_names_show_must_be_said(tensors):
    shifted = {k.replace("conv1.weight", "conv1.net.weight")
               if "layer" in k else k: v for k, v in tensors.items()}  # fmt: skip
    with pytest.raises(ValueError, match="bidirectional"):
        from_pytorch(shifted)
    layers = from_pytorch(shifted, shift="bidirectional").layers
    modes = {layer.mode for layer in layers if isinstance(layer, TemporalShift)}
    assert modes == {"bidirectional"}


def test_npz_file_equals_dict(tensors, tmp_path):
    np.savez(tmp_path / "weights.npz", **tensors)
    model = from_pytorch(tmp_path / "weights.npz")
    kernel = model.get_layer("stage4_block1_conv2").kernel
    expected = tensors["module.base_model.layer4.1.conv2.weight"]
    np.testing.assert_array_equal(kernel, np.transpose(expected, (2, 3, 1, 0)))


def test_pytorch_file_equals_dict(tensors, tmp_path):
    torch = pytest.importorskip("torch", reason="needs the [convert] extra")
    path = tmp_path / "model.pth.tar"
    state = {k: torch.tensor(np.asarray(v)) for k, v in tensors.items()}
    torch.save({"state_dict": state}, path)
    bias = from_pytorch(path).get_layer("classifier").bias
    np.testing.assert_array_equal(bias, tensors["module.new_fc.bias"])


@pytest.mark.parametrize(
    "name, error",
    (
        ("none.npz", FileNotFoundError),
        ("weights.txt", ValueError),
        ("broken.npz", ValueError),
    ),
)
def test_file_that_cannot_be_read(tmp_path, name, error):
    (tmp_path / "weights.txt").write_text("no weights")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(error, match=name):
        from_pytorch(tmp_path / name)


def test_torchvision_names_start_a_backbone(tensors):
    def torchvision(name):
        name = name.removeprefix("module.").removeprefix("base_model.")
        name = name.replace("downsample0", "downsample.0")
        return name.replace("downsample1", "downsample.1").replace("new_fc", "fc")

    source = {torchvision(k): v for k, v in tensors.items()}
    model = VideoClassifier.from_preset("adafuse_tsn_resnet18", 5, hidden_units=8)
    before = np.array(model.get_layer("classifier").kernel)
    initialize_backbone(model, source)
    np.testing.assert_array_equal(
        model.get_layer("stem_conv").kernel,
        np.transpose(source["conv1.weight"], (2, 3, 1, 0)),
    )
    np.testing.assert_array_equal(model.get_layer("classifier").kernel, before)
    assert from_pytorch(source).num_classes == 174


def test_backbone_of_a_deeper_network(tensors):
    model = VideoClassifier.from_preset("tsn_resnet18", 5)
    name = "module.base_model.layer1.2.conv1.weight"
    deeper = {**tensors, name: np.zeros((64, 64, 3, 3), "float32")}
    with pytest.raises(ValueError, match=r"left over: .*layer1\.2\.conv1"):
        initialize_backbone(model, deeper)


def test_backbone_of_another_depth(tensors):
    model = VideoClassifier.from_preset("tsn_resnet34", 5)
    with pytest.raises(ValueError, match=r"missing: layer1\.2\.conv1"):
        initialize_backbone(model, tensors)
