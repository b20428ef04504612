"""Adaptive temporal fusion (AdaFuse, ICLR 2021) for Keras.

Submodules load on first use, so that `import adafuse_tf` costs nothing until
TensorFlow is needed (worker processes and `--help` depend on that).
"""

import importlib

__version__ = "0.1.0"

_SUBMODULES = (
    "benchmarks",
    "costs",
    "data",
    "export",
    "inference",
    "layers",
    "models",
    "training",
    "weights",
)

__all__ = [*_SUBMODULES, "profile"]


def __getattr__(name):
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name == "profile":
        return importlib.import_module(f"{__name__}.inference").profile
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
