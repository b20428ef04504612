"""Which Keras models can be taken for networks of images."""

import keras

from adafuse_tf.graph import keras_graph
from adafuse_tf.graph.network import Network


def read_image_model(model):
    """The `Network` of an image model.

    Raises:
        TypeError: It is no Keras model.
        ValueError: It is no functional model of RGB images, channels last, with one
            input and one output of rank 2 or 4; the message says which and what to do.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            "An image model must be a keras.Model, such as "
            "keras.applications.MobileNetV2(include_top=False, weights=None). "
            f"Received: {model!r}"
        )
    if not keras_graph.is_functional(model):
        what = "is not built yet: call it once, or give it a keras.Input"
        if not isinstance(model, keras.Sequential):
            what = (
                f"is a {type(model).__name__} with a `call` of its own, which cannot "
                "be read: build it as keras.Model(inputs, outputs)"
            )
        raise ValueError(f"'{model.name}' {what}")
    inputs, outputs = keras_graph.inputs_of(model), keras_graph.outputs_of(model)
    if len(inputs) != 1:
        raise ValueError(
            f"'{model.name}' must have one input, the image. Received "
            f"{len(inputs)}: {[x.name for x in inputs]}"
        )
    if len(outputs) != 1:
        raise ValueError(
            f"'{model.name}' must have one output, the features; choose one with "
            f"keras.Model({model.name}.input, ...). Received {len(outputs)}"
        )
    shape = tuple(inputs[0].shape)
    if len(shape) != 4 or shape[-1] != 3:
        first = len(shape) == 4 and shape[1] == 3
        hint = (
            "; with channels first nothing runs on a CPU: build it with "
            "data_format='channels_last'"
            if first
            else ""
        )
        raise ValueError(
            f"'{model.name}' must take RGB images [B, H, W, 3], channels last{hint}. "
            f"Received: input shape {shape}"
        )
    if len(outputs[0].shape) not in (2, 4) or outputs[0].shape[-1] is None:
        raise ValueError(
            f"'{model.name}' must give a map [B, H, W, C] or features [B, C]. "
            f"Received: output shape {tuple(outputs[0].shape)}"
        )
    network = Network(model)
    for call in network.calls:
        if getattr(call.operation, "data_format", None) == "channels_first":
            raise ValueError(
                f"'{call.name}' has channels first; build it with "
                "data_format='channels_last'"
            )
    return network
