"""Checks on the state that a stream carries from one call to the next."""


def check_state(state, expected, owner):
    """Raises unless `state` has exactly the expected keys and shapes.

    Args:
        state: `dict[str, Tensor]` received.
        expected: `dict[str, tuple]` of shapes; `None` matches any size.
        owner: Name of the layer, for the message.

    Raises:
        ValueError: Naming the key, the shape received and the one expected.
    """
    if set(state) != set(expected):
        raise ValueError(
            f"State of '{owner}' must have the keys {sorted(expected)}; start a "
            f"stream with `initial_state(...)`. Received keys: {sorted(state)}"
        )
    for key, shape in expected.items():
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
