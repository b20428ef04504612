"""A functional Keras model as a plain list of calls."""

import dataclasses

import keras

from adafuse_tf.graph import keras_graph
from adafuse_tf.layers import UnfoldTime


@dataclasses.dataclass(eq=False)
class Value:
    """A tensor of the graph.

    Attributes:
        shape: As Keras knows it, the batch first.
        call: What computes it; `None` for an input.
    """

    shape: tuple
    call: "Call | None" = None

    @property
    def channels(self):
        """Size of the last axis, or `None`."""
        return self.shape[-1] if self.shape else None


@dataclasses.dataclass(eq=False)
class Call:
    """One use of a layer or operation; a layer that is used twice has two calls.

    Attributes:
        name: That of the layer; further uses are numbered.
        operation: The layer or operation.
        args, kwargs: Its arguments, with a `Value` for every tensor.
        inputs, outputs: The values among the arguments, and those that it computes.
    """

    name: str
    operation: object
    args: tuple
    kwargs: dict
    inputs: list
    outputs: list

    @property
    def output(self):
        """The first value that it computes."""
        return self.outputs[0]

    def run(self, values):
        """Calls the operation on other tensors.

        Args:
            values: A function of a `Value` that gives the tensor in its place.

        Returns:
            The list of the tensors that it returns.
        """

        def fill_in(leaf):
            return values(leaf) if isinstance(leaf, Value) else leaf

        args, kwargs = keras.tree.map_structure(fill_in, (self.args, self.kwargs))
        return keras.tree.flatten(self.operation(*args, **kwargs))


class Network:
    """The graph of a functional model; models within it are taken apart.

    Args:
        model: A functional `keras.Model` or a built `keras.Sequential`.

    Attributes:
        inputs, outputs: Lists of `Value`.
        calls: List of `Call`, each after those whose results it takes.
        readers: `dict[Value, list[Call]]`.
    """

    def __init__(self, model):
        self.calls = []
        self._names = set()
        self.inputs = [Value(tuple(x.shape)) for x in keras_graph.inputs_of(model)]
        self.outputs = self._read(model, self.inputs, None)
        self.readers = {value: [] for value in self.inputs}
        for call in self.calls:
            for value in call.outputs:
                self.readers[value] = []
        for call in self.calls:
            for value in dict.fromkeys(call.inputs):
                self.readers[value].append(call)

    def _read(self, model, inputs, training):
        values = dict(zip(map(id, keras_graph.inputs_of(model)), inputs, strict=True))
        for operation, arguments, outputs in keras_graph.nodes_of(model, values):
            args, kwargs = arguments
            inside = [x for x in keras.tree.flatten(arguments) if isinstance(x, Value)]
            if keras_graph.is_functional(operation):
                how = kwargs.get("training", training)
                results = self._read(operation, inside, how)
            else:
                if training is not None and keras_graph.takes_training(operation):
                    kwargs = {"training": training, **kwargs}
                if isinstance(operation, UnfoldTime):
                    inside = inside[:1]  # of the clip it takes the shape alone
                results = [Value(tuple(x.shape)) for x in outputs]
                name = unique_name(operation.name, self._names, "use")
                call = Call(name, operation, args, kwargs, inside, results)
                for value in results:
                    value.call = call
                self.calls.append(call)
            values.update(zip(map(id, outputs), results, strict=True))
        return [values[id(x)] for x in keras_graph.outputs_of(model)]


def unique_name(name, taken, mark=""):
    """`name`, or numbered where it is taken; it is then taken, too."""
    unique, number = name, 1
    while unique in taken:
        number += 1
        unique = f"{name}_{mark}{number}"
    taken.add(unique)
    return unique
