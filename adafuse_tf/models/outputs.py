"""Losses, metrics, labels and weights for a classifier's two outputs.

Users speak of one output: what they give belongs to the logits, and the cost follows.
"""

import inspect
from collections.abc import Mapping

import keras
from keras import ops

from adafuse_tf.costs import FlopsLoss, MeanGMACs
from adafuse_tf.graph.keras_graph import calling_context

OUTPUTS = ("logits", "gmacs")
# λ of the paper, on GFLOPs per frame (Eq. 6).
PAPER_WEIGHT = 0.1


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
        logits = _of_logits(named["logits"], keras.losses.get)
        named = {**named, "logits": logits}
    return named


def metrics(metric):
    """The metrics of both outputs; `metric` as `loss` of `losses`."""
    if isinstance(metric, str) and metric == "auto":
        return {"logits": ["accuracy"], "gmacs": [MeanGMACs()]}
    if isinstance(metric, (list, tuple)):
        named = {"logits": list(metric)}
    else:
        named = by_output("metrics", metric)
    if not isinstance(named, Mapping) or named.get("logits") is None:
        return named
    of_logits = [_metric_of_logits(m) for m in _listed(named["logits"])]
    return {**named, "logits": of_logits}


def _metric_of_logits(metric):
    # Keras chooses these by the labels, and takes logits for probabilities.
    if metric in ("crossentropy", "ce"):
        raise ValueError(
            "The output 'logits' is no probability: name the cross-entropy, such as "
            f"'sparse_categorical_crossentropy'. Received: metrics={metric!r}"
        )
    if metric in ("accuracy", "acc"):
        return metric
    return _of_logits(metric, keras.metrics.get)


def _listed(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


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


def _of_logits(function, get):
    """A loss or metric of the logits; what takes probabilities by default is told."""
    named = isinstance(function, str) or inspect.isfunction(function)
    found = get(function) if isinstance(function, str) else function
    kind = getattr(keras.losses, _class_name(found), None)
    if named and inspect.isfunction(found) and kind is not None:
        found = kind()
    if isinstance(found, type):
        found = found()
    config = found.get_config() if hasattr(found, "get_config") else {}
    if config.get("from_logits") is not False:
        return function
    if named:
        return type(found).from_config({**config, "from_logits": True})
    raise ValueError(
        "The output 'logits' is no probability: give the loss or metric "
        f"from_logits=True. Received: {type(found).__name__}(from_logits=False)"
    )


def _class_name(function):
    """`SparseCategoricalCrossentropy` of `sparse_categorical_crossentropy`."""
    name = getattr(function, "__name__", "")
    return "".join(part.capitalize() for part in name.split("_"))
