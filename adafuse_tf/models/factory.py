"""From an image network, or the name of a preset, to a network of clips."""

import inspect

import keras

from adafuse_tf.data.preprocessing import Preprocessing
from adafuse_tf.graph import keras_graph
from adafuse_tf.graph.find_sites import DEFAULT_SIZE
from adafuse_tf.graph.image_model import read_image_model
from adafuse_tf.graph.lift import lift
from adafuse_tf.models.gating import GateFactory
from adafuse_tf.models.presets import PRESETS
from adafuse_tf.models.video_model import ClipFormat
from adafuse_tf.networks import NETWORKS

_ALTERNATIVES = ({"hidden_units", "hidden_quota"},)
# Arguments that are no options: they are given otherwise.
_NO_OPTIONS = {"self", "model", "make_gate", "backbone", "num_classes", "dtype", "seed"}


def lifted_backbone(image_model, options):
    """A network of clips with features and policies as outputs.

    Args:
        image_model: See `find_sites`.
        options: `dict` of options of gates and shift; `dtype` and `seed` among them.

    Returns:
        A functional `keras.Model` that has the image model's own layers.
    """
    dtype = options.get("dtype")
    if dtype is None:
        dtype = keras_graph.dtype_policy_of(image_model)
    gate_options = {k: v for k, v in options.items() if k in GATES}
    make_gate = GateFactory(**gate_options, seed=options.get("seed"), dtype=dtype)
    lifting = {k: v for k, v in options.items() if k in LIFTING}
    frames, features, policies = lift(image_model, make_gate, dtype=dtype, **lifting)
    view = {"features": features, "policies": policies}
    return keras.Model(frames, view, name=image_model.name)


def preprocessing_of(image_model):
    """What clips go through for an image model, as far as its graph tells.

    Frames of its input size; one that scales pixels itself gets them as they are.
    """
    network = read_image_model(image_model)
    size = network.inputs[0].shape[1]
    crop = size if size and size == network.inputs[0].shape[2] else DEFAULT_SIZE
    numbers = {"crop": crop, "resize": round(crop / 0.875)}
    first = network.readers[network.inputs[0]]
    scales = (keras.layers.Rescaling, keras.layers.Normalization)
    if first and all(isinstance(call.operation, scales) for call in first):
        numbers.update(mean=(0.0,) * 3, std=(1 / 255,) * 3)
    return Preprocessing(**numbers)


def preset_parts(preset, overrides, head):
    """The image network of a preset, and options of gates, shift and classifier.

    Args:
        preset: A key of `PRESETS`.
        overrides: Options that differ from the preset's.
        head: Names of the classifier's options.

    Returns:
        `(image_model, options)`.

    Raises:
        ValueError: An override that nothing knows, with those that are known.
    """
    options = {"name": preset, **PRESETS[preset]}
    network = NETWORKS[options.pop("network")]
    known = head | GATES | LIFTING | network.options | {"dtype", "seed"}
    unknown = sorted(set(overrides) - known)
    if unknown:
        raise ValueError(
            f"Unknown options for preset '{preset}': {unknown}. Known: {sorted(known)}"
        )
    for group in _ALTERNATIVES:
        # An override replaces the preset's alternative instead of contradicting it.
        if group & {k for k, v in overrides.items() if v is not None}:
            for key in group:
                options.pop(key, None)
    options.setdefault("preprocessing", network.preprocessing)
    options.update(overrides)
    quota, width = options.get("hidden_quota"), options.get("width", 1.0)
    if quota is not None:
        # `quota // channels` units: with `width` times the channels, `width` times the
        # units.
        options["hidden_quota"] = max(1, round(quota * width**2))
    own = {k: v for k, v in options.items() if k in network.options}
    if network.sized:
        crop = ClipFormat(options["preprocessing"]).preprocessing.crop
        own.setdefault("input_shape", (crop, crop, 3))
    image_model = network.build(dtype=options.get("dtype"), **own)
    return image_model, {k: v for k, v in options.items() if k not in network.options}


def options_of(function):
    """Names of the options among a function's arguments."""
    return set(inspect.signature(function).parameters) - _NO_OPTIONS


GATES = options_of(GateFactory)
LIFTING = options_of(lift)
