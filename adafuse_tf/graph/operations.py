"""What each kind of layer does to the channels of a map, and what it costs.

A registry by class. Layers that are not in it are named wherever that matters; what
they do is never guessed.
"""

import dataclasses
from collections.abc import Callable

import keras


@dataclasses.dataclass(frozen=True)
class Part:
    """What a layer spends in one place of its output.

    Attributes:
        macs: Multiply-accumulates (exact convention).
        authors: Operations as the released code of the paper counts them.
        suffix: Of the name, for a layer with several parts.
        at: Where it is spent: at every position of the `"output"` or of the `"input"`,
            or once per `"frame"`.
        makes: Whether a share of it is spent where a share of the outputs is needed.
        reads: Whether a share of it is spent where a share of the inputs is not zero.
    """

    macs: float
    authors: float
    suffix: str = ""
    at: str = "output"
    makes: bool = True
    reads: bool = True


def _no_parts(layer, inputs, output):
    return []


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """What one layer does.

    Attributes:
        kind: `"mixing"`: each output channel needs all channels of the input.
            `"local"`: output channel i needs channel i of its inputs alone.
            `"concatenate"`: the channels of the inputs, one after the other.
            `"opaque"`: none of these; gates stay clear of it.
        keeps_zero: Whether a channel that is zero stays zero; of several inputs all
            must be zero there.
        is_product: Whether of several inputs one that is zero suffices.
        is_sum: Whether it adds up several inputs, as residual connections do.
        activates: Whether it is the nonlinearity behind a layer.
        size: Of its output: `"same"` as the input, `"pooled"` to one position, or
            `"asked"`: the layer tells.
        pads: Whether it only adds a border.
        depthwise: Whether it is a local one with a filter for each channel.
        parts: `parts(layer, input_shapes, output_shape)` gives the `Part`s it costs.
        known: Whether the registry has its class.
    """

    kind: str
    keeps_zero: bool = False
    is_product: bool = False
    is_sum: bool = False
    activates: bool = False
    size: str = "asked"
    pads: bool = False
    depthwise: bool = False
    parts: Callable = _no_parts
    known: bool = True


UNKNOWN = Behaviour("opaque", known=False)

_registry = {}


def register_operation(
    layer_class, kind, keeps_zero=False, activates=False, macs=None, same_size=False
):
    """Tells `find_sites` and the cost table what a layer class of your own does.

    Subclasses that have a `call` of their own are not covered.

    Args:
        layer_class: A subclass of `keras.layers.Layer`.
        kind: `"mixing"` (each output channel needs all channels of the input, such as a
            convolution), `"local"` (output channel i needs channel i of the input
            alone, such as an activation or a depthwise convolution) or `"opaque"`
            (anything else; no gate is put next to it).
        keeps_zero: For a local one, whether a channel of zeros stays zero; a value, or
            a function of the layer.
        activates: Whether it is a nonlinearity, as after a convolution.
        macs: Function of `(layer, input_shape, output_shape)`, shapes `(B, H, W, C)`,
            that gives the multiply-accumulates at one position of the output; `None`
            for a layer that has none.
        same_size: Whether height and width of the output are always those of the
            input; by default the layer's `compute_output_shape` is asked.

    Raises:
        TypeError: `layer_class` is no layer class.
        ValueError: Another kind.

    Example:

    ```python
    register_operation(LayerScale, "local", keeps_zero=True)
    ```
    """
    if not isinstance(layer_class, type) or not issubclass(
        layer_class, keras.layers.Layer
    ):
        raise TypeError(
            "`layer_class` must be a subclass of keras.layers.Layer. "
            f"Received: {layer_class!r}"
        )
    if kind not in ("mixing", "local", "opaque"):
        raise ValueError(
            f"`kind` must be 'mixing', 'local' or 'opaque'. Received: kind={kind!r}"
        )

    def parts(layer, inputs, output):
        spent = macs(layer, inputs[0], output)
        return [Part(spent, spent, makes=kind != "opaque", reads=kind != "opaque")]

    def behave(layer):
        zero = keeps_zero(layer) if callable(keeps_zero) else keeps_zero
        return Behaviour(
            kind,
            keeps_zero=bool(zero) and kind == "local",
            activates=activates,
            size="same" if same_size else "asked",
            depthwise=kind == "local" and macs is not None,
            parts=_no_parts if macs is None else parts,
        )

    define(layer_class, behave)


def define(layer_class, behaviour):
    """Puts a class into the registry.

    Args:
        layer_class: The class.
        behaviour: A `Behaviour`, or a function of the layer that gives one.
    """
    _registry[layer_class] = behaviour


def behaviour(operation):
    """The `Behaviour` of a layer or operation; `UNKNOWN` where nothing is known."""
    for base in type(operation).__mro__:
        found = _registry.get(base)
        if found is None:
            found = _registry.get(_operation_name(base))
        if found is None:
            continue
        if type(operation).call is not base.call:
            return UNKNOWN  # a subclass that computes something else
        return found(operation) if callable(found) else found
    return UNKNOWN


def define_operations(names, behaviour):
    """Puts functions of `keras.ops` into the registry, by the names of their classes.

    Keras does not export these classes.
    """
    for name in names:
        _registry[name] = behaviour


def _operation_name(base):
    inside = base.__module__.startswith("keras.src.")
    return base.__name__ if inside else None


def hint(operation, names=None):
    """What to do about an unknown layer, or several of one class, for messages."""
    kind = type(operation).__name__
    names = names or [operation.name]
    more = f" and {len(names) - 1} more of its class" if len(names) > 1 else ""
    return (
        f"'{names[0]}'{more}: the layer class {kind} is not known; "
        f"adafuse_tf.register_operation({kind}, ...) says what it does"
    )
