"""The model that an export is made of."""

import keras


def check_view(model, gated) -> None:
    """Raises ValueError unless `gated` is a `GatedView` of the model, or None."""
    if gated is not None and gated.model is not model:
        raise ValueError(
            "`gated` must be a view of the model that is exported. Received: a view of "
            f"{gated.model.name}"
        )


def in_float32(model):
    """The model, or its twin in float32 where it computes in mixed precision."""
    if all(layer.compute_dtype == "float32" for layer in model.backbone.layers):
        return model
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        twin = type(model).from_config(model.get_config())
    finally:
        keras.config.set_dtype_policy(before)
    twin.set_weights(model.get_weights())
    return twin
