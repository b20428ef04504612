"""Runs a functional model with extra arguments for some of its layers."""

import inspect


def run_graph(model, inputs, call, training=False):
    """Computes the outputs of a functional model, layer by layer.

    Args:
        model: A functional `keras.Model`.
        inputs: Its input.
        call: `call(layer, *args, **kwargs)` computes the output of one layer; the
            arguments are those of the model's graph, `training` among them.
        training: As in a Keras call.

    Returns:
        The outputs of `model`.
    """

    def call_layer(layer, *args, **kwargs):
        if "training" in inspect.signature(layer.call).parameters:
            kwargs["training"] = training
        return call(layer, *args, **kwargs)

    # Keras has no public way to call a functional model with extra arguments for one of
    # its layers; `Functional.call` and `clone_model` themselves use this method.
    return model._run_through_graph(inputs, lambda layer: layer, call_layer)
