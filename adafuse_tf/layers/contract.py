"""What keeps the layers to Keras' contract."""

import numbers

import keras
import numpy as np


def require_float32(cls, kwargs):
    """The keyword arguments of a layer that computes in float32 always.

    Args:
        cls: The layer's class, for the message.
        kwargs: Keyword arguments for `keras.layers.Layer`; a `dtype` may be left out.

    Raises:
        ValueError: Another `dtype` is asked for.
    """
    dtype = kwargs.get("dtype")
    policy = None if dtype is None else keras.dtype_policies.get(dtype)
    if policy is not None and policy.name != "float32":
        raise ValueError(
            f"{cls.__name__} computes in float32 whatever the precision of the model; "
            f"leave `dtype` out. Received: dtype={policy.name!r}"
        )
    return {**kwargs, "dtype": "float32"}


def freeze_parts(layer):
    """Freezes what a frozen layer has made in `build`.

    Keras hands `trainable` on to the parts that are there when it is set, and a layer
    that comes from a file is frozen before it has any.
    """
    if not layer.trainable:
        # Assigning the value that is there already would do nothing in TensorFlow.
        type(layer).trainable.fset(layer, False)


def serialize_part(layer):
    """The configuration of a layer that is part of another.

    Without what Keras builds it from: the layer around it does that, in its own name
    scope, so that variables have the paths that they had.
    """
    config = keras.saving.serialize_keras_object(layer)
    config.pop("build_config", None)
    return config


def whole_number(name, value, minimum=1):
    """`value` as an int; NumPy's integers count as such.

    Raises:
        ValueError: It is no integer or less than `minimum`; the message has `name`.
    """
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < minimum:
        kind = "a positive integer" if minimum == 1 else f"an integer >= {minimum}"
        raise ValueError(f"`{name}` must be {kind}. Received: {name}={value!r}")
    return int(value)


def derive_seed(seed, *path):
    """A seed of its own for a part of what `seed` is for.

    A hash: neighbouring seeds and neighbouring parts have nothing in common.

    Args:
        seed: int, or `None` for no seed.
        *path: Integers >= 0 or strings that tell the part from all others.

    Returns:
        An int in [0, 2**31), or `None`.
    """
    if seed is None:
        return None
    words = [int.from_bytes(str(part).encode(), "little") for part in path]
    # The lengths keep (1, 2) and (12,) apart.
    entropy = [int(seed) % 2**64, len(words), *words]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0] >> 1)
