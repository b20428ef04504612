"""Keras' functional graphs, where its public interface does not reach.

All private names of Keras that the package uses for models are in this file.
"""

import contextlib
import inspect

import keras
from keras.src.backend.common import global_state
from keras.src.models.functional import Functional
from keras.src.saving.serialization_lib import ObjectSharingScope


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
        if takes_training(layer):
            kwargs["training"] = training
        return call(layer, *args, **kwargs)

    # Keras has no public way to call a functional model with extra arguments for one of
    # its layers; `Functional.call` and `clone_model` themselves use this method.
    return model._run_through_graph(inputs, lambda layer: layer, call_layer)


def input_shapes(model, shape):
    """Which shape each layer's input has for an input of the model.

    Args:
        model: A functional `keras.Model`.
        shape: Shape of its input, such as `(B, T, H, W, 3)`.

    Returns:
        `dict[str, tuple]` by layer name; of several positional inputs that of the last,
        which for a gate is the map that it governs.
    """
    shapes = {}

    def call(layer, *args, **kwargs):
        tensors = [x for x in keras.tree.flatten(args) if hasattr(x, "shape")]
        shapes[layer.name] = tuple(tensors[-1].shape) if tensors else ()
        # Called, a layer would keep the symbolic tensors for ever.
        return layer.compute_output_spec(*args, **kwargs)

    inputs = keras.KerasTensor(shape, model.input.dtype)
    model._run_through_graph(inputs, lambda layer: layer, call)
    return shapes


def rebuild(model, make_layer):
    """A model of new layers, connected as those of `model`; not compiled.

    Args:
        model: A functional model, of a class that is constructed like one.
        make_layer: `make_layer(layer)` makes the new layer.

    Returns:
        A model of the class and name of `model`, with fresh weights.
    """
    made = {}

    def new(layer):
        if id(layer) not in made:
            made[id(layer)] = make_layer(layer)
        return made[id(layer)]

    before = model.input
    inputs = keras.Input(batch_shape=before.shape, dtype=before.dtype, name=before.name)
    outputs = model._run_through_graph(inputs, new)
    return type(model)(inputs, outputs, name=model.name)


@contextlib.contextmanager
def sharing_objects():
    """Layers that configurations share are made once in here, as in `load_model`."""
    if global_state.get_global_attribute("shared_objects/id_to_obj_map") is not None:
        yield  # such a scope is open already, and a second one would end it
    else:
        with ObjectSharingScope():
            yield


def is_graph(args, kwargs):
    """Whether these are a functional model's arguments: its inputs and outputs."""
    first = args[0] if args else kwargs.get("inputs")
    return isinstance(first, keras.KerasTensor)


def calling_context():
    """`(model, training)` of the outermost Keras call that is going on now.

    Both `None` outside of one.
    """
    context = global_state.get_global_attribute("current_call_ctx")
    model = getattr(context, "entry_layer", None)
    return model, getattr(context, "training", None)


def is_functional(operation):
    """Whether this is a model that does no more than its graph says."""
    if isinstance(operation, keras.Sequential):
        plain = type(operation).call is keras.Sequential.call
        return plain and operation._functional is not None
    return isinstance(operation, Functional) and type(operation).call is Functional.call


def inputs_of(model):
    """The list of symbolic inputs of a functional model."""
    return list(_functional(model).inputs)


def outputs_of(model):
    """The list of symbolic outputs of a functional model."""
    return list(_functional(model).outputs)


def nodes_of(model, values):
    """The calls of a functional model in the order of its graph.

    Args:
        model: A functional model.
        values: `dict` of `id(symbolic tensor)` to what stands in its place; it must
            hold the inputs, and from one step of the iteration to the next the outputs
            of the call before.

    Yields:
        `(operation, (args, kwargs), outputs)`: the tensors in the arguments are
        replaced, the outputs are the list of symbolic tensors.
    """
    by_depth = _functional(model)._nodes_by_depth
    for depth in sorted(by_depth, reverse=True):
        for node in by_depth[depth]:
            if node.operation is None or node.is_input:
                continue
            if all(id(x) in values for x in node.input_tensors):
                yield node.operation, node.arguments.fill_in(values), node.outputs


def takes_training(operation):
    """Whether a call of this has the argument `training`."""
    return "training" in inspect.signature(operation.call).parameters


def _functional(model):
    return model._functional if isinstance(model, keras.Sequential) else model


def dtype_policy_of(model):
    """The precision that most layers with weights of a model have."""
    policies = [
        layer.dtype_policy for layer in _functional(model).layers if layer.weights
    ]
    names = [policy.name for policy in policies]
    if not names:
        return keras.config.dtype_policy()
    return policies[names.index(max(names, key=names.count))]


def source_of(layer):
    """The layer whose output a layer was called on, the first time."""
    (node,) = layer._inbound_nodes[0].parent_nodes
    return node.operation
