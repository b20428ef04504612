"""The step view: the same function as on a clip, a few frames at a time.

A stream's state is a flat dict of tensors. Its keys are `"layer/name"`, its values are
zeros at the start, and a step returns it with the same keys, shapes and dtypes.
"""

import inspect
import math
import weakref

import keras
import tensorflow as tf
from keras import ops

from adafuse_tf.graph.keras_graph import input_shapes, run_graph
from adafuse_tf.layers.contract import whole_number
from adafuse_tf.layers.state import check_mapping, check_state

# What feature maps may be stored in.
MAP_DTYPES = ("float16", "float32")

_compiled = weakref.WeakKeyDictionary()
_shapes_of = weakref.WeakKeyDictionary()
_sizes_of = weakref.WeakKeyDictionary()


def initial_state(model, batch_size, height, width, window=None, dtype=None):
    """Zero state for streams of frames of one size; see `VideoClassifier`."""
    check_sizes(batch_size=batch_size, height=height, width=width)
    if window is not None:
        check_sizes(window=window)
    sizes = _sizes(model, int(height), int(width))
    state = {}
    for layer in stateful_layers(model):
        wanted = inspect.signature(layer.initial_state).parameters
        known = {"window": window, **sizes.get(layer.name, {})}
        own = layer.initial_state(
            batch_size, **{k: v for k, v in known.items() if k in wanted}
        )
        for key, value in own.items():
            state[f"{layer.name}/{key}"] = value
    return state if dtype is None else store_maps(state, dtype)


def check_sizes(**sizes):
    """Raises ValueError for the first that is no positive integer, by its name."""
    for name, value in sizes.items():
        whole_number(name, value)


def store_maps(state, dtype):
    """The state with its feature maps in a precision.

    Args:
        state: `dict[str, Tensor]`.
        dtype: `"float16"` or `"float32"`.

    Raises:
        ValueError: Any other precision.
    """
    if dtype not in MAP_DTYPES:
        raise ValueError(
            f"`dtype` must be one of {MAP_DTYPES}. Received: dtype={dtype!r}"
        )
    # The rest is small, or must count beyond what half precision can.
    return {
        key: ops.cast(value, dtype) if len(value.shape) == 4 else value
        for key, value in state.items()
    }


def window_of(state, owner):
    """The number of frames that a state averages over, or None for all of them.

    Args:
        state: What was received as one.
        owner: Name of the model, for the message.

    Raises:
        TypeError: It is no dict.
    """
    check_mapping(state, owner)
    shape = getattr(state.get("consensus/window"), "shape", ())
    return shape[1] if len(shape) > 1 else None


def clear(state, reset):
    """The state with some streams at their start; `reset` is boolean `[B]`."""
    return {key: _clear(value, reset) for key, value in state.items()}


def check_reset(reset, batch_size):
    """`reset` as a tensor.

    Raises:
        ValueError: It is not boolean `[batch_size]`.
    """
    reset = ops.convert_to_tensor(reset)
    if tuple(reset.shape) != (batch_size,) or reset.dtype != "bool":
        raise ValueError(
            f"`reset` must be {batch_size} booleans, one per stream. Received: "
            f"shape={tuple(reset.shape)}, "
            f"dtype={keras.backend.standardize_dtype(reset.dtype)}"
        )
    return reset


def step(model, frames, state, reset=None, outputs=("logits", "gmacs")):
    """The next frames of each stream; see `VideoClassifier`."""
    frames = _check_frames(model, frames)
    _check_state(model, frames, state)
    functions = _compiled.setdefault(model, {})
    # Of each window a function of its own: in one for all it would not be known.
    key = outputs, window_of(state, model.name)
    if key not in functions:
        view = model.with_outputs(*outputs)
        # The view, not the model: the entry must not keep its own key alive.
        functions[key] = tf.function(
            lambda frames, state, reset: run_step(view, frames, state, reset),
            reduce_retracing=True,
            autograph=False,
        )
    if reset is None:
        reset = tf.zeros((frames.shape[0],), "bool")
    else:
        reset = check_reset(reset, frames.shape[0])
    return functions[key](frames, dict(state), reset)


def run_step(view, frames, state, reset=None):
    """`step` without its checks and its compilation, to build graphs with.

    Args:
        view: A functional model made of the classifier's layers.
        frames: `[B, k, H, W, 3]`.
        state: `dict[str, Tensor]`.
        reset: Boolean `[B]` or `None`.

    Returns:
        `(outputs, new_state)`.
    """
    if reset is not None:
        state = clear(state, reset)
    new_state = {}

    def call(layer, *args, **kwargs):
        if not is_stateful(layer):
            return layer(*args, **kwargs)
        prefix = f"{layer.name}/"
        own = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
        *results, new = layer(*args, state=own, **kwargs)
        for key, value in new.items():
            new_state[prefix + key] = ops.cast(value, own[key].dtype)
        return results[0] if len(results) == 1 else tuple(results)

    out = run_graph(view, frames, call)
    return out, {key: new_state.get(key, value) for key, value in state.items()}


def state_bytes(state):
    """Bytes of a state, all streams together."""
    return sum(
        math.prod(value.shape) * tf.as_dtype(value.dtype).size
        for value in state.values()
    )


def is_stateful(layer):
    """Whether a layer carries something from one frame to the next.

    Such a layer has `initial_state(batch_size, ...)`, with `height` and `width` of its
    map or the `window` of an average where it needs them, and takes `state=...` in a
    call, which it then returns last.
    """
    return hasattr(layer, "initial_state")


def stateful_layers(model):
    """The layers of a model that have a state, in its order."""
    return [layer for layer in model.layers if is_stateful(layer)]


def _clear(value, reset):
    shape = (-1,) + (1,) * (len(value.shape) - 1)
    return ops.where(ops.reshape(reset, shape), ops.zeros_like(value), value)


def _sizes(model, height, width):
    """Height and width of the maps of stateful layers, by layer name."""
    known = _sizes_of.setdefault(model, {})
    if (height, width) not in known:
        shapes = input_shapes(model, (1, 1, height, width, 3))
        known[height, width] = {
            layer.name: dict(
                zip(("height", "width"), shapes[layer.name][2:4], strict=True)
            )
            for layer in stateful_layers(model)
            if len(shapes[layer.name]) == 5
        }
    return known[height, width]


def _check_frames(model, frames):
    frames = ops.convert_to_tensor(frames)
    if len(frames.shape) != 5 or frames.shape[-1] != 3:
        raise ValueError(
            "A step takes frames [B, k, H, W, 3]; a single frame of one stream is "
            f"frame[None, None]. Received: shape={tuple(frames.shape)}"
        )
    if 0 in frames.shape:
        raise ValueError(
            "A step takes at least one frame of at least one stream. "
            f"Received: shape={tuple(frames.shape)}"
        )
    return model.as_input(frames)


def _check_state(model, frames, state):
    batch, _, height, width, _ = frames.shape
    window = window_of(state, model.name)
    expected = _shapes(model, batch, height, width, window)
    check_state(state, expected, model.name)


def _shapes(model, *arguments):
    known = _shapes_of.setdefault(model, {})
    if arguments not in known:
        state = initial_state(model, *arguments)
        known[arguments] = {key: tuple(value.shape) for key, value in state.items()}
    return known[arguments]
