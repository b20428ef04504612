"""From a preset's data to a network."""

import inspect

from adafuse_tf.models.presets import PRESETS
from adafuse_tf.models.resnet import ResNet

_ALTERNATIVES = ({"hidden_units", "hidden_quota"},)


def build_preset(classifier_class, name, num_classes, overrides):
    """Splits the options between backbone and classifier and builds both.

    Raises:
        ValueError: An override that neither of the two knows, with those they do.
    """
    head = _options(classifier_class) - {"backbone", "num_classes", "name"}
    body = _options(ResNet) - {"name"}
    unknown = sorted(set(overrides) - head - body)
    if unknown:
        raise ValueError(
            f"Unknown options for preset '{name}': {unknown}. Known: "
            f"{sorted(head | body)}"
        )
    options = dict(PRESETS[name])
    for group in _ALTERNATIVES:
        # An override replaces the preset's alternative instead of contradicting it.
        if group & {k for k, v in overrides.items() if v is not None}:
            for key in group:
                options.pop(key, None)
    options.update(overrides)
    backbone = ResNet(**{k: v for k, v in options.items() if k in body})
    return classifier_class(
        backbone,
        num_classes,
        name=name,
        **{k: v for k, v in options.items() if k in head},
    )


def _options(cls):
    parameters = inspect.signature(cls.__init__).parameters.values()
    return {p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD} - {"self"}
