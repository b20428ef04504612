"""The model that an export is made of."""

from collections.abc import Mapping

import keras

from adafuse_tf.graph.keras_graph import rebuild


def check_view(model, gated) -> None:
    """Raises ValueError unless `gated` is a `GatedView` of the model, or None."""
    if gated is not None and gated.model is not model:
        raise ValueError(
            "`gated` must be a view of the model that is exported. Received: a view of "
            f"{gated.model.name}"
        )


def in_float32(model):
    """The model, or its twin in float32 where it computes in mixed precision."""
    computing = (
        layer
        for layer in model.layers
        if not isinstance(layer, keras.layers.InputLayer)
    )
    if all(layer.compute_dtype == "float32" for layer in computing):
        return model
    twin = rebuild(model, _layer_in_float32)
    twin.set_weights(model.get_weights())
    return twin


def _layer_in_float32(layer):
    return type(layer).from_config(_in_float32(layer.get_config()))


def _in_float32(config):
    """A layer's configuration with another precision, of its parts as well."""
    if isinstance(config, (list, tuple)):
        return [_in_float32(part) for part in config]
    if not isinstance(config, Mapping):
        return config
    if config.get("class_name") in ("DTypePolicy", "DTypePolicyMap"):
        return "float32"
    return {key: _in_float32(value) for key, value in config.items()}
