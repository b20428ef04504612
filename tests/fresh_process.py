"""A process that has only imported the package, and loads what others have saved.

    python tests/fresh_process.py < requests > replies

A request is a line of JSON: `model`, a `.keras` file; `inputs`, an `.npz` of `x0`,
`x1`, ..., and, to train a step, `labels`; `outputs`, the `.npz` to write. The reply is
a line of JSON with what `facts` says of the loaded model, or an `error`.
"""

import json
import sys
import traceback

import keras
import numpy as np

import adafuse_tf  # noqa: F401  what is public is registered


def facts(model):
    """What a model must keep through a file besides its numbers."""
    layers = model._flatten_layers(include_self=False)
    return {
        "class": type(model).__name__,
        "dtype": model.dtype_policy.name,
        "layers": sorted(
            f"{layer.name}: {layer.dtype_policy.name}" for layer in layers
        ),
        "trainable": sorted(v.path for v in model.trainable_variables),
        # Those of random number generators are numbered through a process.
        "variables": sorted(
            f"{v.path} {v.dtype} {v.shape}"
            for v in model.variables
            if not v.path.endswith("seed_generator_state")
        ),
        "compiled": bool(model.compiled),
    }


def numbers(model, inputs, labels=None):
    """Outputs, and with labels the variables after another training step.

    Args:
        model: Model of one or several inputs.
        inputs: List of arrays.
        labels: Labels of a compiled model.

    Returns:
        `dict[str, np.ndarray]`.
    """
    x = inputs if len(inputs) > 1 else inputs[0]
    outputs = keras.tree.flatten(model(x, training=False))
    found = {f"output{i}": np.array(v, "float32") for i, v in enumerate(outputs)}
    if labels is not None:
        if type(model).save_own_variables is keras.Model.save_own_variables:
            reseed(model)
        found["loss"] = np.ravel(model.train_on_batch(x, labels))[0]
        variables = [*model.variables, *model.optimizer.variables]
        for i, v in enumerate(variables):
            found[f"variable{i}"] = np.array(v, "float64")
    return found


def reseed(model):
    """Starts all random numbers anew: Keras' own models do not keep their states."""
    for number, variable in enumerate(model.variables):
        if variable.path.endswith("seed_generator_state"):
            variable.assign([number, 0])


def main():
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception:
            reply = {"error": traceback.format_exc()}
        print(json.dumps(reply), flush=True)


def answer(request):
    """Does what one request asks for."""
    model = keras.models.load_model(request["model"])
    arrays = dict(np.load(request["inputs"]))
    labels = arrays.pop("labels", None)
    found = facts(model)
    inputs = [arrays[f"x{i}"] for i in range(len(arrays))]
    np.savez(request["outputs"], **numbers(model, inputs, labels))
    return found


if __name__ == "__main__":
    main()
