"""Which image networks become networks of clips, and whether all is right with them.

Every row is checked against something else: the image model itself, a copy of it whose
channels are zero, the stream, and the operations that TensorFlow's profiler counts.
"""

import contextlib
import dataclasses
import io
import math

import keras
import numpy as np
import tensorflow as tf

from adafuse_tf.benchmarks.report import markdown_table, write_report
from adafuse_tf.graph import find_sites, keras_graph
from adafuse_tf.graph.network import Network
from adafuse_tf.graph.residual import residual_blocks
from adafuse_tf.layers import FixedPolicy
from adafuse_tf.models import VideoClassifier

NUM_CLASSES = 5
# By what the scores of (skip, reuse, keep) lead for each hidden unit, on average.
_KEEP_LEAD = (0.0, 0.0, 0.5)
FRAMES = 3
# Pixels of the images; some networks take no smaller ones.
SIZE = 64
LEAST = {"InceptionV3": 75, "InceptionResNetV2": 75, "Xception": 71}


class SkipPolicy(FixedPolicy):
    """Skips every channel of every frame."""

    actions = ("skip",)

    def choose(self, x, y, training):
        """All skip, `[B, T, C', 3]`."""
        shape = (*keras.ops.shape(y)[:2], self.channels, 3)
        skip = keras.ops.one_hot([0], 3, dtype="float32")
        return keras.ops.broadcast_to(skip, shape)


@dataclasses.dataclass(frozen=True)
class Row:
    """What was found about one image network.

    Attributes:
        name: Of the image model.
        sites: Number of sites.
        governed: Share of the MACs that they govern.
        gmacs: GMACs per frame.
        profiler: Our GMACs over those that TensorFlow's profiler counts.
        keep: Largest difference of the features, all kept, from the image model's,
            over their largest value.
        skip: The same, all skipped, from the image model with zeros in the places.
        step: Largest difference of the logits after single frames from the clip's,
            over their largest value.
        unknown: What the registry does not know.
    """

    name: str
    sites: int
    governed: float
    gmacs: float
    profiler: float
    keep: float
    skip: float
    step: float
    unknown: tuple


@dataclasses.dataclass(frozen=True)
class NetworksSettings:
    """Which networks are looked at.

    Attributes:
        names: Out of `applications()`; empty for all.
    """

    names: tuple = ()


def run(output_dir, settings):
    """Examines networks of `keras.applications` and writes `networks.{json,md}`.

    Args:
        output_dir: Folder for the results.
        settings: `NetworksSettings`.

    Returns:
        The Markdown.

    Raises:
        ValueError: A name that there is not.
    """
    unknown = sorted(set(settings.names) - set(applications()))
    if unknown:
        raise ValueError(
            f"Networks must be among {applications()}. Received: {unknown}"
        )
    rows = []
    for name in settings.names or applications():
        rows.append((name, examine(build(name))))
        keras.backend.clear_session()
    header = (
        "network", "sites", "governed", "GMACs per frame", "ours / profiler",
        "all kept", "all skipped", "stream",
    )  # fmt: skip
    cells = [
        (
            name,
            str(row.sites),
            f"{row.governed:.0%}",
            f"{row.gmacs:.3g}",
            f"{row.profiler:.4f}",
            f"{row.keep:.1e}",
            f"{row.skip:.1e}",
            f"{row.step:.1e}",
        )
        for name, row in rows
    ]
    text = (
        "Every network of `keras.applications` as a network of clips: "
        f"`VideoClassifier.from_image_model(cnn, gates='all')`, {SIZE} pixels or the "
        "least that it takes, random weights. *Governed*: share of the MACs that gates "
        "can save. *Ours / profiler*: the cost table over what TensorFlow's profiler "
        "counts in the frozen graph. *All kept*: largest difference of the features "
        "from the image model's, over their largest value. *All skipped*: the same, "
        "from the image model with zeros in the places of the gates. *Stream*: largest "
        "difference of the logits after single frames from those of the clip, over "
        "their largest value, with "
        "causal shift where there are residual branches.\n\n"
        + markdown_table(header, cells)
    )
    values = {"networks": {name: dataclasses.asdict(row) for name, row in rows}}
    return write_report(output_dir, "networks", values, text)


def applications():
    """Names of all image networks in `keras.applications`."""
    return [
        name
        for name in dir(keras.applications)
        if name[0].isupper() and callable(getattr(keras.applications, name))
    ]


def build(name):
    """An image model of `keras.applications` for small images, random weights."""
    size = LEAST.get(name, SIZE)
    make = getattr(keras.applications, name)
    keras.utils.set_random_seed(0)
    return make(weights=None, include_top=False, input_shape=(size, size, 3))


def examine(model):
    """Makes a video network of an image model and checks it.

    Args:
        model: An image model with random weights, which are changed: statistics of
            BatchNormalization too, so that nothing is zero or one by chance.

    Returns:
        A `Row`.
    """
    _move_weights(model)
    sites = find_sites(model)
    height, width = model.input.shape[1:3]
    rng = np.random.default_rng(1)
    clips = rng.normal(size=(2, FRAMES, height, width, 3)).astype("float32")
    expected = _pooled(model(clips.reshape(-1, height, width, 3)))
    if np.median(np.ptp(expected, axis=0) / np.abs(expected).max()) < 1e-4:
        raise ValueError(f"All images look alike to '{model.name}'")
    options = {"gates": "all", "dropout": 0.0}
    kept = VideoClassifier.from_image_model(
        model, NUM_CLASSES, policy="keep", **options
    )
    keep = _difference(_features(kept, clips), expected)
    skipped = VideoClassifier.from_image_model(
        model, NUM_CLASSES, policy=SkipPolicy(), **options
    )
    zeroed = _zeroed(model, {site.place.value.call.name for site in sites})
    wanted = _pooled(zeroed(clips.reshape(-1, height, width, 3)))
    skip = _difference(_features(skipped, clips), wanted)
    gmacs = kept.dense_gmacs(1, height, width)
    return Row(
        name=model.name,
        sites=len(sites),
        governed=sites.governed,
        gmacs=sites.gmacs,
        profiler=sites.gmacs / profiled_gmacs(model) if gmacs else float("nan"),
        keep=keep,
        skip=skip,
        step=_stream_difference(model, clips),
        unknown=tuple(sites.unknown),
    )


def profiled_gmacs(model):
    """GMACs per image as TensorFlow's profiler counts them.

    Half of the float operations of convolutions and matrix products in the frozen
    graph; those of grouped convolutions, where it errs, are counted from their shapes.
    """
    shape = (1, *model.input.shape[1:])
    concrete = tf.function(lambda x: model(x)).get_concrete_function(
        tf.TensorSpec(shape, "float32")
    )
    # No public name has it in TensorFlow 2.
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2_as_graph,
    )

    frozen, graph_def = convert_variables_to_constants_v2_as_graph(concrete)
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(graph_def, name="")
        options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
        with contextlib.redirect_stdout(io.StringIO()):
            profile = tf.compat.v1.profiler.profile(
                graph, options={**options, "output": "none"}
            )
        grouped = {n.name for n in graph.get_operations() if _is_grouped(n)}
        kinds = {n.name: n.type for n in graph.get_operations()}
        total = sum(
            node.float_ops / 2
            for node in _nodes_of(profile)
            if kinds.get(node.name) in _COUNTED and node.name not in grouped
        )
    # On a CPU Keras has these compiled by XLA, out of the profiler's sight.
    total += sum(
        math.prod(layer.output.shape[1:]) * math.prod(layer.kernel.shape[:-1])
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D) and layer.groups > 1
    )
    return float(total) / 1e9


def _nodes_of(profile):
    """All nodes of the profiler's tree, which is flat."""
    pending = list(profile.children)
    while pending:
        node = pending.pop()
        pending += node.children
        yield node


_COUNTED = ("Conv2D", "DepthwiseConv2dNative", "MatMul", "Conv2DBackpropInput")


def _is_grouped(node):
    if node.type != "Conv2D":
        return False
    inputs, kernel = node.inputs[0].shape, node.inputs[1].shape
    return inputs[-1] != kernel[2]


def _pooled(features):
    features = np.array(features)
    return features.mean((1, 2)) if features.ndim == 4 else features


def _features(model, clips):
    features = np.array(model.backbone(clips)["features"])
    return features.reshape(-1, features.shape[-1])


def _difference(found, expected):
    # With everything skipped there may be nothing left.
    scale = np.abs(expected).max() or 1.0
    return float(np.abs(found - expected).max() / scale)


def _zeroed(model, names):
    """The image model with zeros for what layers of these names give."""
    inputs = keras.Input(batch_shape=model.input.shape)

    def call(layer, *args, **kwargs):
        output = layer(*args, **kwargs)
        return 0.0 * output if layer.name in names else output

    return keras.Model(inputs, keras_graph.run_graph(model, inputs, call))


def _stream_difference(model, clips):
    shift = "causal" if residual_blocks(Network(model)) else "none"
    video = VideoClassifier.from_image_model(
        model, NUM_CLASSES, gates="all", shift=shift, dropout=0.0, seed=0
    )
    rng = np.random.default_rng(2)
    for variable in video.trainable_variables:
        if "policy" in variable.path or "classifier" in variable.path:
            variable.assign(rng.normal(size=variable.shape))
    for gate in video.gates.values():
        # Where most of each layer is skipped nothing would be left in the end.
        bias = gate.policy.output_dense.bias
        lead = np.tile(_KEEP_LEAD, bias.shape[0] // 3) * gate.policy.hidden_dense.units
        bias.assign(bias + lead)
    expected = video(clips)
    if np.ptp(expected["logits"], axis=0).min() < 1e-6:
        raise ValueError(f"All clips look alike to '{model.name}'")
    state, gmacs = video.initial_state(len(clips), *clips.shape[2:4]), 0.0
    for t in range(clips.shape[1]):
        out, state = video.step(clips[:, t : t + 1], state)
        gmacs = gmacs + np.array(out["gmacs"])
    np.testing.assert_allclose(gmacs, expected["gmacs"], rtol=1e-4)
    return _difference(np.array(out["logits"]), np.array(expected["logits"]))


def _move_weights(model):
    """Moves weights away from their start, so that nothing is 0 or 1 by chance.

    Statistics become those of random images: with others the images would be lost in
    the noise of so many layers.
    """
    rng = np.random.default_rng(0)
    for variable in model.variables:
        name = variable.path.rsplit("/", 1)[-1]
        if name == "gamma":
            variable.assign(rng.uniform(0.7, 1.3, variable.shape))
        elif name in ("beta", "bias"):
            variable.assign(0.1 * rng.normal(size=variable.shape))
    norms = [
        call.operation
        for call in Network(model).calls
        if isinstance(call.operation, keras.layers.BatchNormalization)
    ]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    model(rng.normal(size=(8, *model.input.shape[1:])).astype("float32"), training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
