"""From a preset's data to a network."""

import inspect

from adafuse_tf.models.presets import PRESETS
from adafuse_tf.models.resnet import ResNet, resnet_graph

_ALTERNATIVES = ({"hidden_units", "hidden_quota"},)
# Of both, the backbone and the classifier.
_SHARED = {"dtype"}


def build_preset(classifier_class, preset, num_classes, overrides, classifier_graph):
    """Splits the options between backbone and classifier and builds both.

    Args:
        classifier_class: `VideoClassifier`.
        preset: A key of `PRESETS`.
        num_classes: Number of labels.
        overrides: Options that differ from the preset's.
        classifier_graph: The function whose arguments are the classifier's options.

    Raises:
        ValueError: An override that neither of the two knows, with those they do.
    """
    head = options_of(classifier_graph) - {"backbone", "num_classes"}
    body = options_of(resnet_graph)
    unknown = sorted(set(overrides) - head - body)
    if unknown:
        raise ValueError(
            f"Unknown options for preset '{preset}': {unknown}. Known: "
            f"{sorted(head | body)}"
        )
    options = {"name": preset, **PRESETS[preset]}
    for group in _ALTERNATIVES:
        # An override replaces the preset's alternative instead of contradicting it.
        if group & {k for k, v in overrides.items() if v is not None}:
            for key in group:
                options.pop(key, None)
    options.update(overrides)
    backbone = ResNet(
        **{k: v for k, v in options.items() if k in body - (head - _SHARED)}
    )
    return classifier_class(
        backbone, num_classes, **{k: v for k, v in options.items() if k in head}
    )


def options_of(function):
    """Names of a function's arguments."""
    return set(inspect.signature(function).parameters)
