"""8-bit weights and feature maps, with what decides left in float32."""

import re
import warnings
from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.python.convert import deduplicate_readonly_buffers
from tensorflow.lite.tools import flatbuffer_utils

from adafuse_tf.export.traced import Traced
from adafuse_tf.inference.answers import STATE_PREFIX

# Parts of every model that stay in float32: they cost nothing, and rounding there would
# change frames before the first convolution, costs or answers.
_FLOAT_SCOPES = ("preprocessing", "answers", "clip_cost", "consensus")


def quantize(
    graphs: Traced, float_model: bytes, gates: Iterable[str], clips: np.ndarray
) -> bytes:
    """Quantizes a traced model after training.

    A gate stays in float32 as a whole. Its policy network decides by comparing close
    numbers; and its one-hot actions get a useless range where the sample of clips
    happens never to show one of them.

    Args:
        graphs: Signatures with fixed sizes.
        float_model: The .tflite that they convert to.
        gates: Names of the gates.
        clips: uint8 `[N, T, H, W, 3]`, typical clips in the size of the model's input.

    Returns:
        The contents of a .tflite.

    Raises:
        ValueError: The model has a loop, which the quantizer cannot handle.
    """
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(float_model))
    if any(schema.BuiltinOperator.WHILE == c.builtinCode for c in model.operatorCodes):
        raise ValueError(
            "An LSTM, or a fused history over long clips, cannot be quantized to int8: "
            "LiteRT's quantizer does not support loops. Export float32 or float16"
        )
    converter = graphs.converter()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _samples(graphs.folder, clips)
    options = tf.lite.experimental.QuantizationDebugOptions(
        denylisted_nodes=_nodes(model, [*gates, *_FLOAT_SCOPES]),
        # The quantizer has no name for operations with several outputs. These take
        # policies apart, nothing else.
        denylisted_ops=["UNPACK"],
    )
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", ".*tf.lite.Interpreter is deprecated", UserWarning
        )
        # The public way to leave chosen operations in float32.
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_options=options
        )
    # Signatures share weights, but come out of the quantizer with a copy each.
    return deduplicate_readonly_buffers(debugger.get_nondebug_quantized_model())


def _nodes(model: schema.ModelT, scopes: list[str]) -> list[str]:
    """Names by which the quantizer knows the operations in these name scopes."""
    pattern = re.compile(rf"(^|[/;])({'|'.join(map(re.escape, scopes))})(_\d+)?/")
    found = set()
    for graph in model.subgraphs:
        for operation in graph.operators:
            names = [graph.tensors[i].name.decode() for i in operation.outputs]
            found.update(name for name in names if pattern.search(name))
    return sorted(found)


def _samples(folder: str, clips) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Inputs of every signature: whole clips, and streams over the same clips."""
    signatures = tf.saved_model.load(folder).signatures
    shape = signatures["clip"].structured_input_signature[1]["frames"].shape
    for clip in clips:
        clip = np.broadcast_to(clip, (shape[0], *clip.shape))
        yield "clip", {"frames": clip}
        if "step" not in signatures:
            continue
        start = {"streams": np.zeros(shape[0], np.int32)}
        yield "init_state", start
        state = signatures["init_state"](**_tensors(start))
        for t in range(clip.shape[1]):
            inputs = {"frames": clip[:, t : t + 1]}
            inputs.update({name: value.numpy() for name, value in state.items()})
            yield "step", inputs
            outputs = signatures["step"](**_tensors(inputs))
            state = {k: v for k, v in outputs.items() if k.startswith(STATE_PREFIX)}


def _tensors(inputs):
    return {name: tf.constant(value) for name, value in inputs.items()}
