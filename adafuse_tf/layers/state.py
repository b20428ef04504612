"""Checks on the state that a stream carries from one call to the next."""

from collections.abc import Mapping

import keras


def check_state(state, expected, owner):
    """Raises unless `state` has exactly the expected keys and shapes, all floats.

    Args:
        state: `dict[str, Tensor]` received.
        expected: `dict[str, tuple]` of shapes; `None` matches any size.
        owner: Name of the layer, for the message.

    Raises:
        ValueError: Naming the key, the shape received and the one expected.
        TypeError: It is no dict, or a value no tensor of floats.
    """
    check_mapping(state, owner)
    if set(state) != set(expected):
        raise ValueError(
            f"State of '{owner}' must have the keys {sorted(expected)}; start a "
            f"stream with `initial_state(...)`. Received keys: {sorted(state)}"
        )
    for key, shape in expected.items():
        _check_floats(state[key], key, owner)
        received = tuple(state[key].shape)
        fits = len(received) == len(shape) and all(
            a is None or b is None or a == b
            for a, b in zip(received, shape, strict=True)
        )
        if not fits:
            raise ValueError(
                f"State '{key}' of '{owner}' must have shape {tuple(shape)}; it "
                "belongs to another model, batch or frame size. "
                f"Received: shape={received}"
            )


def check_mapping(state, owner):
    """Raises TypeError unless `state` is a dict; `owner` as in `check_state`."""
    if not isinstance(state, Mapping):
        raise TypeError(
            f"State of '{owner}' must be a dict; start a stream with "
            f"`initial_state(...)`. Received: {type(state).__name__}"
        )


def _check_floats(value, key, owner):
    dtype = getattr(value, "dtype", None)
    if dtype is None or not keras.backend.is_float_dtype(dtype):
        received = type(value).__name__
        if dtype is not None:
            received = f"dtype={keras.backend.standardize_dtype(dtype)}"
        raise TypeError(
            f"State '{key}' of '{owner}' must hold floats as `initial_state` gives "
            f"them. Received: {received}"
        )
