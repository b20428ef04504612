"""Adaptive temporal fusion (AdaFuse, ICLR 2021) for Keras.

`import adafuse_tf` loads what most programs need, the names below, and all that a
`.keras` file of this package may hold, so that `keras.models.load_model` reads it.
Submodules are there as attributes; those that need an extra load on first use.

With `ADAFUSE_TF_LAZY=1` in the environment nothing is loaded until it is used. Command
lines set it to answer `--help` at once, and so do worker processes, which need no
TensorFlow.
"""

import importlib
import os

__version__ = "0.1.0"

# The name of an environment variable.
LAZY = "ADAFUSE_TF_LAZY"

# Public name -> the submodule that it comes from.
_NAMES = {
    "AdaptiveTemporalFusion": "layers",
    "FlopsLoss": "costs",
    "LearnedPolicy": "layers",
    "MeanGMACs": "costs",
    "Preprocessing": "data",
    "TemporalShift": "layers",
    "VideoClassifier": "models",
    "VideoStream": "inference",
    "find_sites": "graph",
    "from_pytorch": "weights",
    "gated_view": "inference.gated",
    "open_exported": "inference",
    "profile": "inference",
    "register_operation": "graph",
}
_SUBMODULES = (
    "benchmarks",
    "costs",
    "data",
    "experiments",
    "export",
    "graph",
    "inference",
    "layers",
    "losses",
    "models",
    "networks",
    "optimizers",
    "report",
    "training",
    "weights",
)

__all__ = sorted(_NAMES)


def __getattr__(name):
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _NAMES:
        module = importlib.import_module(f"{__name__}.{_NAMES[name]}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__, *_SUBMODULES})


def _load() -> None:
    # These two have no public name here, but Keras must know their classes.
    for module in ("losses", "optimizers"):
        importlib.import_module(f"{__name__}.{module}")
    globals().update({name: __getattr__(name) for name in __all__})


if os.environ.get(LAZY) != "1":
    _load()
