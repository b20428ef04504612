"""PyTorch checkpoints become Keras models."""

from adafuse_tf.data import Preprocessing
from adafuse_tf.models import VideoClassifier
from adafuse_tf.networks import NETWORKS, BNInception, ResNet
from adafuse_tf.weights.architecture import infer_architecture
from adafuse_tf.weights.mapping import (
    assign,
    backbone_entries,
    gate_entries,
    head_entries,
    inception_entries,
)
from adafuse_tf.weights.source import read_source


def from_pytorch(source, shift="none", num_frames=8):
    """Builds the classifier that a checkpoint belongs to, with its weights.

    Reads checkpoints of the paper's release (TSN, TSM, AdaFuse-ResNet-18/34/50/101,
    with per-gate or shared policies, two or three actions, any gated stages, and
    AdaFuse-BN-Inception) and torchvision's ResNets. Everything but the shift and the
    clip length is inferred from names and shapes.

    Args:
        source: `dict[str, np.ndarray]`, or the path of a `.npz` or PyTorch file.
        shift: `"none"` (TSN) or `"bidirectional"` (TSM); a checkpoint does not tell.
            `"causal"` builds the streaming variant, for which the weights were not
            trained.
        num_frames: Frames per clip that the weights were trained with; kept in
            `model.preprocessing`. The network accepts any number.

    Returns:
        A `VideoClassifier`.

    Raises:
        FileNotFoundError: The file is not there.
        ValueError: The names and shapes make no supported network; every tensor that is
            missing, left over or misshapen is listed.
    """
    tensors, originals, marks_shift = read_source(source)
    if marks_shift and shift == "none":
        raise ValueError(
            "The names show a network with temporal shift (conv1.net): pass "
            "shift='bidirectional'. Received: shift='none'"
        )
    architecture = infer_architecture(tensors)
    inception = architecture.family == "bn_inception"
    make, name = (BNInception, "bn_inception") if inception else (ResNet, "resnet50")
    preprocessing = {**NETWORKS[name].preprocessing, "num_frames": num_frames}
    model = VideoClassifier.from_image_model(
        make(**architecture.network),
        architecture.num_classes,
        shift=shift,
        preprocessing=Preprocessing(**preprocessing),
        **architecture.gates,
    )
    if inception:
        rows = inception_entries(model)
    else:
        rows = backbone_entries(model) + gate_entries(model)
    rows += head_entries(model)
    assign(rows, tensors, originals)
    return model


def initialize_backbone(model, source):
    """Copies the convolutions and their statistics from a checkpoint into a model.

    For starting from ImageNet weights (torchvision's ResNet files) or from a dense
    network: gates and classifier of the model stay as they are.

    Args:
        model: A `VideoClassifier` of the same depth and width.
        source: As in `from_pytorch`.

    Raises:
        ValueError: A backbone tensor is missing or misshapen; all are listed.
    """
    tensors, originals, _ = read_source(source)
    assign(backbone_entries(model), tensors, originals, partial=True)
