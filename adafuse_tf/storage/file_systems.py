"""Which schemes TensorFlow can read here, and what to do about those it cannot."""

import ctypes
import functools
import importlib.metadata
import platform
import warnings


class MissingFileSystemError(ValueError):
    """This installation has no file system for the scheme of a path."""


# Their clients say of a file that they cannot ask for that it does not exist.
_EVASIVE = ("s3", "hdfs")


def require(path: str) -> None:
    """Makes TensorFlow able to read `path`, with the help of tensorflow-io.

    Raises:
        MissingFileSystemError: see `require_scheme`.
        OSError: the bucket or server cannot be reached.
    """
    require_scheme(path)
    scheme, rest = path.split("://", 1)
    if scheme in _EVASIVE:
        _reach(f"{scheme}://{rest.split('/', 1)[0]}/")


def require_scheme(path: str) -> None:
    """Sees to a file system for the scheme of `path`.

    Raises:
        MissingFileSystemError: there is none; the message says what to install.
    """
    scheme = path.partition("://")[0]
    if scheme not in _schemes():
        _load_tensorflow_io()
    if scheme in _schemes():
        return
    raise MissingFileSystemError(
        f"{scheme}:// paths need tensorflow-io, which runs on TensorFlow 2.17 and "
        "Python 3.12 at most: pip install 'adafuse_tf[io]'. Here are Python "
        f"{platform.python_version()}, {_version('tensorflow')}, "
        f"{_version('tensorflow-io')}, which read {_known()}. Received: {path!r}"
    )


def _schemes() -> list[str]:
    import tensorflow as tf

    return tf.io.gfile.get_registered_schemes()


@functools.cache
def _reach(root: str) -> None:
    import tensorflow as tf

    try:
        tf.io.gfile.stat(root)
    except tf.errors.OpError as error:
        cause = " ".join(error.message.split()).strip(": ") or "there is none"
        kinds = (tf.errors.PermissionDeniedError, tf.errors.UnauthenticatedError)
        raised = PermissionError if isinstance(error, kinds) else OSError
        raise raised(f"Cannot reach {root}: {cause}") from None


@functools.cache
def _load_tensorflow_io() -> None:
    """Adds its file systems, if it is there and fits this TensorFlow.

    Whether the import succeeds tells nothing: on another TensorFlow it only warns.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import tensorflow_io  # noqa: F401
    except ImportError:
        return
    # Its S3 client aborts the process while it is torn down (github.com/tensorflow/io
    # issue 2039). By then Python has finished and the exit code is known: leave first.
    libc = ctypes.CDLL(None)
    if hasattr(libc, "on_exit"):
        libc.on_exit(libc._exit, None)


def _known() -> str:
    schemes = sorted(scheme for scheme in _schemes() if scheme not in ("", "ram"))
    return " ".join(f"{scheme}://" for scheme in schemes)


def _version(package: str) -> str:
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"no {package}"
