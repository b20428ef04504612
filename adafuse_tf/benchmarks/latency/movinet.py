"""MoViNet-A0 of the Model Garden, streaming, with random weights.

What a user would take instead. It runs on the older Keras, hence in a process of its
own:

    python -m adafuse_tf.benchmarks.latency.movinet FOLDER SIZE TFLITE
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from adafuse_tf.benchmarks.latency.variants import ANY, Variant

_NAME = "MoViNet-A0"
# Multiply-accumulates at 172 x 172 pixels, 50 frames: 2.71 G (MoViNet paper, table 1).
_GMACS_PER_FRAME_AT_172 = 2.71 / 50


def export(folder, size, tflite, report):
    """Writes it as SavedModel and .tflite.

    Returns:
        A list with its `Variant`; empty, with a line of text, without Model Garden.
    """
    if importlib.util.find_spec("official") is None:
        report("No MoViNet-A0 row: it needs Model Garden, the extra `train`.")
        return []
    subprocess.run(
        [sys.executable, "-m", __name__, str(folder), str(size), str(int(tflite))],
        check=True, env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
    )  # fmt: skip
    path = Path(folder) / "movinet_step"
    return [
        Variant(
            name=_NAME, form="step", saved_model=str(path), tflite=f"{path}.tflite",
            frames=1, starts={ANY: 0},
            gmacs=_GMACS_PER_FRAME_AT_172 * (size / 172) ** 2,
        )
    ]  # fmt: skip


def _main(folder, size, tflite):
    import tensorflow as tf
    from official.projects.movinet.modeling import movinet, movinet_model

    backbone = movinet.Movinet(
        model_id="a0", causal=True, conv_type="2plus1d", se_type="2plus3d",
        activation="hard_swish", gating_activation="hard_sigmoid",
        use_external_states=True,
    )  # fmt: skip
    model = movinet_model.MovinetClassifier(
        backbone, num_classes=174, output_states=True
    )
    model.build([1, 1, size, size, 3])
    states = model.init_states([1, 1, size, size, 3])

    def run(frames, **state):
        logits, state = model({**state, "image": frames})
        return {"logits": logits, **state}

    function = tf.function(run)
    specs = {k: tf.TensorSpec(v.shape, v.dtype, name=k) for k, v in states.items()}
    frames = tf.TensorSpec((1, 1, size, size, 3), name="frames")
    concrete = function.get_concrete_function(frames, **specs)
    module = tf.Module()
    module.model, module.run = model, function
    path = Path(folder) / "movinet_step"
    tf.saved_model.save(module, str(path), signatures={"run": concrete})
    if tflite:
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(path), signature_keys=["run"]
        )
        Path(f"{path}.tflite").write_bytes(converter.convert())


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1")
