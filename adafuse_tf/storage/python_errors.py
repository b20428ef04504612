"""What goes wrong in TensorFlow's file systems, as Python says it."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def python_errors(path: str) -> Iterator[None]:
    """Raises Python's error, in one line that names the path, for TensorFlow's.

    Raises:
        FileNotFoundError, PermissionError, OSError: for an error inside.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.NotFoundError:
        raise FileNotFoundError(f"There is no file. Received: {path!r}") from None
    except (tf.errors.PermissionDeniedError, tf.errors.UnauthenticatedError) as error:
        raise PermissionError(f"No access to {path!r}: {_line(error)}") from None
    except (tf.errors.OpError, RuntimeError) as error:  # Azure's client: RuntimeError
        raise OSError(f"Cannot access {path!r}: {_line(error)}") from None


def _line(error: Exception) -> str:
    return " ".join(getattr(error, "message", str(error)).split())
