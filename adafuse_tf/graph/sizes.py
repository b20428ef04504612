"""How many positions each map has, as a function of the size of the frames.

Along an axis the size of a map is a chain of steps `n -> (a * n + b) // c`, applied to
the height or width of the frame. Padding, strides, pooling, cropping and upsampling are
all of this form, and steps that follow each other mostly become one.
"""

import keras

from adafuse_tf.costs.operation import HEIGHT, WIDTH
from adafuse_tf.graph.operations import behaviour
from adafuse_tf.layers import AdaptiveTemporalFusion, PerFrame

# From this size on borders do not matter, for kernels of up to so many pixels.
_FROM = 64
_LARGEST_STEP = 16


def frame_extents():
    """Those of the frames themselves: an axis and no steps, for height and width."""
    return ((HEIGHT, ()), (WIDTH, ()))


def constant(size):
    """The extent of an axis that does not depend on the frames."""
    return (HEIGHT, ((0, size, 1),))


def then(extent, step):
    """The extent after one more step `(a, b, c)`."""
    axis, steps = extent
    a, b, c = step
    if step == (1, 0, 1):
        return extent
    if a == 0:
        return constant(b // c)
    if steps:
        first, offset, divisor = steps[-1]
        if a == 1:  # a floor of a floor
            merged = (first, offset + b * divisor, divisor * c)
            return axis, (*steps[:-1], merged)
        if divisor == 1:
            return axis, (*steps[:-1], (a * first, a * offset + b, c))
    return axis, (*steps, step)


def extents_of(network):
    """The extents of every map of a network.

    Args:
        network: A `Network` of frames `[B, H, W, C]` or clips `[B, T, H, W, C]`.

    Returns:
        `dict[Value, tuple]` of tuples of extents; `None` where the size of a map cannot
        be told from that of the frames.
    """
    extents = {value: frame_extents() for value in network.inputs}
    for call in network.calls:
        found = _extents_after(call, extents)
        extents.update(dict.fromkeys(call.outputs, found))
    return extents


def _extents_after(call, extents):
    behave = behaviour(call.operation)
    known = [extents[value] for value in call.inputs]
    if isinstance(call.operation, AdaptiveTemporalFusion):
        return known[1]  # of the map that it gates
    if not known:
        return ()
    if behave.size == "pooled":
        return ()
    largest = max(known, key=lambda e: len(e or ()))
    if behave.size == "same" or behave.kind == "concatenate" or not largest:
        return largest
    steps = _steps_of(call)
    if steps is not None and len(steps) == len(largest):
        return tuple(then(e, step) for e, step in zip(largest, steps, strict=True))
    return _extents_by_shape(call, largest)


def _extents_by_shape(call, before):
    """Of what changes the rank: sizes that are known, or as many positions as before"""
    inside = call.output.shape[1:-1]
    if None not in inside:
        return tuple(constant(size) for size in inside)
    if call.inputs[0].channels == call.output.channels:
        return before
    return None


def _steps_of(call):
    """The steps of height and width that a layer of maps takes, or `None`."""
    layer, inputs = call.operation, call.inputs
    if isinstance(layer, PerFrame):
        layer = layer.layer
    elif len(inputs[0].shape) != 4 or len(call.output.shape) != 4:
        return None
    if len(inputs) != 1 or not isinstance(layer, keras.layers.Layer):
        return None
    channels = inputs[0].channels

    def size(n):
        try:
            shape = layer.compute_output_shape((1, n, n, channels))
        except NotImplementedError:
            spec = keras.KerasTensor((1, n, n, channels), layer.compute_dtype)
            shape = layer.compute_output_spec(spec).shape
        return shape[1:3]

    try:
        probes = (_FROM, _FROM + 1, _FROM + 15)
        if all(size(n) == (n, n) for n in probes):
            return ((1, 0, 1), (1, 0, 1))
        sizes = [size(n) for n in range(_FROM, _FROM + 3 * _LARGEST_STEP)]
    except Exception:  # it takes maps of some sizes only
        return None
    fitted = [_fit(along) for along in zip(*sizes, strict=True)]
    return None if None in fitted else fitted


def _fit(sizes):
    """`(a, b, c)` with `(a * n + b) // c` the given sizes for n from `_FROM` on."""
    numbers = range(_FROM, _FROM + len(sizes))
    for c in range(1, _LARGEST_STEP + 1):
        a = sizes[c] - sizes[0]
        low = max(c * s - a * n for n, s in zip(numbers, sizes, strict=True))
        high = min(c * s + c - 1 - a * n for n, s in zip(numbers, sizes, strict=True))
        if low <= high:
            return (a, low, c)
    return None
