"""What a layer costs that the registry does not know, counted in its TensorFlow graph.

A guess would be silently wrong; what the layer really multiplies is in its graph.
"""

import math

import tensorflow as tf

from adafuse_tf.graph.operations import Part, hint

# Sizes at which a layer is looked at: two, to tell what grows with the positions.
_SIZES = (24, 40)


def measured_parts(call, operation):
    """The `Part`s of an unknown layer.

    Args:
        call: A `Call` of it.
        operation: The layer or operation.

    Returns:
        A list with one `Part`, per position of the output or per frame; an empty one
        where it multiplies nothing.

    Raises:
        ValueError: Its cost cannot be measured, or grows otherwise.
    """
    # It may be made for maps of one size, which is then the only one that it sees.
    fixed = all(None not in value.shape[1:] for value in call.inputs)
    try:
        counts = [_count(call, size) for size in ((None,) if fixed else _SIZES)]
    except Exception as error:
        raise ValueError(
            f"{hint(operation)}. What it costs cannot be measured: {error}"
        ) from error
    (macs, positions), (more, further) = counts[0], counts[-1]
    if fixed:
        return [Part(macs, macs, at="frame", makes=False, reads=False)] * bool(macs)
    if macs == more == 0:
        return []
    # Its inputs may be of one size always.
    if macs * further == more * positions:
        each = macs / positions
        return [Part(each, each, makes=False, reads=False)]
    if macs == more:
        return [Part(macs, macs, at="frame", makes=False, reads=False)]
    raise ValueError(
        f"{hint(operation)}. It costs {macs} multiply-accumulates at "
        f"{positions} positions and {more} at {further}, which is neither so many per "
        "position nor so many per frame"
    )


def _count(call, size):
    """`(macs, positions)` of one image, of `size` where that is open."""

    def spec(value):
        inside = [size if n is None else n for n in value.shape[1:-1]]
        return tf.TensorSpec((1, *inside, value.shape[-1]), "float32")

    specs = [spec(value) for value in call.inputs]
    function = tf.function(
        lambda *tensors: call.run(dict(zip(call.inputs, tensors, strict=True)).get)
    )
    concrete = function.get_concrete_function(*specs)
    macs = sum(
        _macs_of(node)
        for graph in _graphs(concrete.graph)
        for node in graph.get_operations()
    )
    output = concrete.structured_outputs[0].shape
    return macs, math.prod(output[1:-1]) if len(output) > 2 else 1


def _graphs(graph):
    yield graph
    for function in graph._functions.values():
        inner = getattr(function, "graph", None)
        if inner is not None:
            yield inner


def _macs_of(node):
    if node.type in ("Conv2D", "DepthwiseConv2dNative", "Conv3D"):
        kernel, output = node.inputs[1].shape, node.outputs[0].shape
        macs = math.prod(output) * math.prod(kernel[:-1])
        return macs // kernel[2] if node.type.startswith("Depthwise") else macs
    if node.type in ("MatMul", "BatchMatMulV2", "BatchMatMulV3"):
        transposed = node.get_attr("transpose_a" if node.type == "MatMul" else "adj_x")
        shared = node.inputs[0].shape[-2 if transposed else -1]
        return math.prod(node.outputs[0].shape) * shared
    if node.type == "Conv2DBackpropInput":
        kernel, gradient = node.inputs[1].shape, node.inputs[2].shape
        return math.prod(gradient) * math.prod(kernel[:-1])
    return 0
