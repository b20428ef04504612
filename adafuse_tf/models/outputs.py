"""Losses, metrics, labels and weights for a classifier's two outputs.

Users speak of one output: what they give belongs to the logits, and the cost follows.
"""

from collections.abc import Mapping

import keras
from keras import ops

from adafuse_tf.costs import FlopsLoss, MeanGMACs
from adafuse_tf.models.graph import calling_context

OUTPUTS = ("logits", "gmacs")
# λ of the paper, on GFLOPs per frame (Eq. 6).
PAPER_WEIGHT = 0.1

_CROSS_ENTROPIES = {
    "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
}


def default_optimizer():
    """Stochastic gradient descent as the package's recipe has it."""
    return keras.optimizers.SGD(0.01, momentum=0.9, global_clipnorm=20.0)


def losses(loss, learns, num_frames):
    """The losses of both outputs.

    Args:
        loss: `"auto"`, a loss for the logits, or a dict by output.
        learns: Whether there are gates that learn; without any the cost is a constant.
        num_frames: Frames per clip, by which the cost of a frame is found.

    Returns:
        A dict by output, or `None`.

    Raises:
        ValueError: Unknown outputs, several losses without names, or a cross-entropy
            of probabilities, which logits are not.
    """
    if isinstance(loss, str) and loss == "auto":
        named = {"logits": "sparse_categorical_crossentropy"}
        if learns:
            named["gmacs"] = FlopsLoss(PAPER_WEIGHT, reference=num_frames)
    else:
        named = by_output("loss", loss)
    if not isinstance(named, Mapping):
        return named
    if "logits" in named:
        named = {**named, "logits": _of_logits(named["logits"])}
    return named


def metrics(metric):
    """The metrics of both outputs; `metric` as `loss` of `losses`."""
    if isinstance(metric, str) and metric == "auto":
        return {"logits": ["accuracy"], "gmacs": [MeanGMACs()]}
    if isinstance(metric, (list, tuple)):
        return {"logits": list(metric)}
    return by_output("metrics", metric)


def by_output(name, value):
    """`value` as a dict by output; what has no name is the logits'.

    Raises:
        ValueError: Outputs that there are not, or several values without names.
    """
    if isinstance(value, (list, tuple)):
        if len(value) != 1:
            raise ValueError(
                f"`{name}` of several outputs must be a dict with some of the keys "
                f"{list(OUTPUTS)}. Received: {len(value)} values in a list"
            )
        value = value[0]
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return {"logits": value}
    unknown = sorted(set(value) - set(OUTPUTS), key=str)
    if unknown:
        raise ValueError(
            f"`{name}` must be for the outputs {list(OUTPUTS)}. Received: {unknown}"
        )
    return dict(value)


def targets(y, y_pred, sample_weight):
    """Labels and weights of both outputs.

    Args:
        y: Labels, or a dict by output. The cost needs none.
        y_pred: The outputs.
        sample_weight: `[B]`, or a dict by output; the weight of a clip's logits is
            that of its cost, too, unless there is one of its own.

    Returns:
        `(y, sample_weight)`.
    """
    if y is not None:
        y = {"gmacs": ops.zeros_like(y_pred["gmacs"]), **by_output("y", y)}
    if sample_weight is not None:
        weights = by_output("sample_weight", sample_weight)
        of_clip = weights.get("logits")
        sample_weight = {"logits": of_clip, "gmacs": of_clip, **weights}
    return y, sample_weight


def check_outer(model):
    """Says how to train a model around `model`, where Keras' error would not.

    Raises:
        ValueError: It is being trained with one loss for both outputs.
    """
    outer, training = calling_context()
    if not training or outer is model or not isinstance(outer, keras.Model):
        return
    loss = getattr(outer, "loss", None)
    if loss is None or isinstance(loss, Mapping):
        return
    if isinstance(outer, keras.Sequential):
        both = outer.layers[-1] is model
    else:
        outputs = getattr(outer, "output", None)
        both = isinstance(outputs, Mapping) and set(OUTPUTS) <= set(outputs)
    if both:
        raise ValueError(
            f"'{outer.name}' has the outputs {list(OUTPUTS)} of the '{model.name}' "
            "inside of it, and one loss. Name the output: "
            "compile(loss={'logits': ...}); or put `model.with_outputs('logits')` "
            "there. To train gates as well: compile(loss={'logits': ..., 'gmacs': "
            "FlopsLoss(...)}) and fit(x, {'logits': labels, 'gmacs': zeros}), zeros as "
            f"many as labels. Received: loss={loss!r}"
        )


def _of_logits(loss):
    if isinstance(loss, str) and loss.lower() in _CROSS_ENTROPIES:
        return _CROSS_ENTROPIES[loss.lower()](from_logits=True)
    kinds = tuple(_CROSS_ENTROPIES.values())
    if isinstance(loss, kinds) and not loss.get_config()["from_logits"]:
        raise ValueError(
            "The output 'logits' is no probability: give the loss from_logits=True. "
            f"Received: {type(loss).__name__}(from_logits=False)"
        )
    return loss
