"""How fast a runtime is at the few things that the gated view is made of."""

import dataclasses
import time

import numpy as np
import tensorflow as tf

from adafuse_tf.inference.gated.fold import convolve
from adafuse_tf.inference.runtimes import litert_interpreter

RUNTIMES = ("litert", "tensorflow")
_SIZE, _CHANNELS, _NARROW = 28, 128, 32
_BRANCHES = 8


@dataclasses.dataclass(frozen=True)
class RuntimeCosts:
    """What a runtime takes: LiteRT with one thread, TensorFlow as it is set up.

    Attributes:
        wide: Milliseconds per million MACs of a whole convolution.
        narrow: The same for the convolution of one group of channels.
        megabyte: Milliseconds to go once over a megabyte of a feature map.
        branch: Milliseconds per condition.
    """

    wide: float
    narrow: float
    megabyte: float
    branch: float


def measure_runtime(runtime, repeats=15):
    """Times small graphs, one after the other in turns.

    Args:
        runtime: `"litert"` or `"tensorflow"`.
        repeats: Times that each is run; the fastest counts, as it was disturbed least.

    Returns:
        `RuntimeCosts`.

    Raises:
        ValueError: An unknown runtime.
        ImportError: LiteRT is not installed.
    """
    if runtime not in RUNTIMES:
        raise ValueError(
            f"`runtime` must be one of {RUNTIMES}. Received: runtime={runtime!r}"
        )
    prepare = _prepare_litert if runtime == "litert" else _prepare_tensorflow
    runs = {name: prepare(*probe) for name, probe in _probes().items()}
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], 1e3 * (time.perf_counter() - start))
    empty = best["empty"]
    macs = _SIZE * _SIZE * 9 * _CHANNELS * _CHANNELS / 1e6
    # Reads one map and writes one.
    megabytes = 2 * 4 * _SIZE * _SIZE * _CHANNELS / 1e6
    positive = 1e-6
    return RuntimeCosts(
        wide=max(best["wide"] - empty, positive) / macs,
        narrow=max(best["narrow"] - empty, positive) * (_CHANNELS / _NARROW) / macs,
        megabyte=max(best["sum"] - empty, positive) / megabytes,
        branch=max(best["branches"] - empty, positive) / _BRANCHES,
    )


def _probes():
    """Name to `(function, shape of its input)`."""
    rng = np.random.default_rng(0)

    def conv(inputs):
        kernel = rng.normal(size=(3, 3, inputs, _CHANNELS)).astype("float32")
        return (lambda x: convolve(x, kernel)), (1, _SIZE, _SIZE, inputs)

    def branches(x):
        for i in range(_BRANCHES):
            x = tf.cond(x[0, i] > 0.0, lambda x=x: x * 1.5, lambda x=x: x * 0.5)
        return x

    return {
        "empty": (lambda x: x * 1.5, (1, _BRANCHES)),
        "wide": conv(_CHANNELS),
        "narrow": conv(_NARROW),
        "sum": (lambda x: x * x, (1, _SIZE, _SIZE, _CHANNELS)),
        "branches": (branches, (1, _BRANCHES)),
    }


def _prepare_tensorflow(function, shape):
    run = tf.function(function, autograph=False)
    x = tf.ones(shape)
    run(x)
    return lambda: run(x).numpy()


def _prepare_litert(function, shape):
    run = tf.function(function, autograph=False)
    concrete = run.get_concrete_function(tf.TensorSpec(shape))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], run)
    interpreter = litert_interpreter()(model_content=converter.convert(), num_threads=1)
    interpreter.allocate_tensors()
    index = interpreter.get_input_details()[0]["index"]
    interpreter.set_tensor(index, np.ones(shape, "float32"))
    return interpreter.invoke
