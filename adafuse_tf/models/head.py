"""The head of a classifier: features to logits, and what a clip costs."""

import keras

from adafuse_tf import costs
from adafuse_tf.graph import cost_table, keras_graph
from adafuse_tf.layers import AdaptiveTemporalFusion, AverageConsensus, FrameLSTM
from adafuse_tf.layers.contract import whole_number
from adafuse_tf.models.video_model import ClipFormat

CONSENSUSES = ("average", "lstm")
DEFAULT_LSTM_UNITS = 512
# Names of the classifier's own layers, which files and streams know them by.
RESERVED = {"classifier", "clip_cost", "clip_format", "consensus", "lstm"}


def classifier_graph(
    backbone,
    num_classes,
    consensus="average",
    dropout=0.5,
    lstm_units=None,
    preprocessing=None,
    dtype=None,
    trainable=None,
    name=None,
):
    """Arguments of a functional model, see `VideoClassifier`."""
    view = getattr(backbone, "output", None)
    if not isinstance(view, dict) or set(view) != {"features", "policies"}:
        raise TypeError(
            "`backbone` must be a network of clips with the outputs 'features' and "
            "'policies'; of an image network make one with "
            "VideoClassifier.from_image_model. Received: "
            f"backbone={getattr(backbone, 'name', backbone)!r}, a "
            f"{type(backbone).__name__}"
        )
    if consensus not in CONSENSUSES:
        raise ValueError(
            f"`consensus` must be one of {CONSENSUSES}. "
            f"Received: consensus={consensus!r}"
        )
    if lstm_units is not None and consensus != "lstm":
        raise ValueError(
            "`lstm_units` goes with consensus='lstm', and only with it. Received: "
            f"lstm_units={lstm_units}, consensus={consensus!r}"
        )
    num_classes = whole_number("num_classes", num_classes)
    if dtype is None:
        dtype = keras_graph.dtype_policy_of(backbone)
    taken = {layer.name for layer in backbone.layers}
    clash = sorted(taken & RESERVED)
    if clash:
        raise ValueError(
            f"The layers {clash} have names that those of the classifier have; cut the "
            "image model before its head, or give its layers other names"
        )
    frames = backbone.input
    x, policies = view["features"], view["policies"]
    if consensus == "lstm":
        lstm_units = DEFAULT_LSTM_UNITS if lstm_units is None else lstm_units
        lstm_units = whole_number("lstm_units", lstm_units)
        x = FrameLSTM(lstm_units, dtype=dtype, name="lstm")(x)
    name_of_dropout = "dropout" if "dropout" not in taken else "classifier_dropout"
    x = keras.layers.Dropout(dropout, dtype="float32", name=name_of_dropout)(x)
    frame_logits = keras.layers.Dense(
        num_classes,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
        dtype="float32",
        name="classifier",
    )(x)
    logits = AverageConsensus(name="consensus")(frame_logits)
    histories = {
        layer.name: layer.history
        for layer in backbone.layers
        if isinstance(layer, AdaptiveTemporalFusion)
    }
    whole = {"frame_logits": frame_logits, "policies": policies}
    operations = cost_table(keras.Model(frames, whole))
    # The cost depends on the size of the frames alone.
    clips = ClipFormat(preprocessing, dtype=dtype, name="clip_format")(frames)
    gmacs = costs.ClipCost(operations, histories, name="clip_cost")(clips, policies)
    return {
        "inputs": frames,
        "outputs": {"logits": logits, "gmacs": gmacs},
        "trainable": trainable,
        "name": name,
    }
