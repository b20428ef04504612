"""What is in a .tflite, and how far its precisions agree with Keras."""

import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from adafuse_tf.export import measure_agreement, write_litert, write_saved_model
from adafuse_tf.export.source import in_float32
from adafuse_tf.inference import open_exported
from tests.export.tiny import (
    FRAMES,
    LABELS,
    SIZE,
    assert_same,
    camera,
    expected,
    tiny_classifier,
)
from tests.graph.unprepared import net, video

INT8 = schema.TensorType.INT8
NAMES = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}


def operations(path):
    """`(operation, name, types of inputs)` of all signatures."""
    model = flatbuffer_utils.read_model(str(path))
    for graph in model.subgraphs:
        for operation in graph.operators:
            code = model.operatorCodes[operation.opcodeIndex]
            number = max(code.builtinCode, code.deprecatedBuiltinCode)
            outputs = [graph.tensors[i] for i in operation.outputs]
            inputs = [graph.tensors[i].type for i in operation.inputs if i >= 0]
            yield NAMES[number], outputs[0].name.decode(), inputs


@pytest.mark.parametrize("precision", ["float32", "float16", "int8", "fused_pair"])
def test_only_built_in_operations(exports, precision):
    path = getattr(exports, precision)
    found = {name for name, _, _ in operations(path)}
    assert "CONV_2D" in found
    assert not found & {"CUSTOM", "DELEGATE", "WHILE"}
    opened = open_exported(path)
    assert set(opened.inputs) == {"clip", "init_state", "step"}
    assert opened.inputs["clip"]["frames"].dtype == "uint8"
    assert opened.inputs["step"]["frames"].shape[1:] == (1, SIZE, SIZE, 3)


def test_precisions_agree_with_keras(exports):
    clips = camera(6, FRAMES, SIZE, SIZE, seed=5)
    for precision, tolerance, alike in (
        ("float32", 1e-5, 1.0),
        ("float16", 2e-2, 0.97),
        ("int8", 0.2, 0.9),
    ):
        path = getattr(exports, precision)
        found = measure_agreement(exports.model, open_exported(path), clips)
        assert set(found) == {"clip", "step"}
        for agreement in found.values():
            assert agreement.num_clips == 6
            assert agreement.probability <= tolerance, precision
            assert agreement.decisions >= alike, precision
            assert abs(agreement.gmacs - 1) < 0.05


@pytest.mark.parametrize("history", ["raw", "fused"])
def test_any_network_agrees_with_keras(tmp_path, history):
    preprocessing = {"num_frames": 3, "resize": 36, "crop": 32, "color_order": "bgr",
                     "mean": [0.5, 0.4, 0.3]}  # fmt: skip
    model = video(
        net(size=(32, 32)), history=history, shift="causal", preprocessing=preprocessing
    )
    labels = tuple("abcde")
    write_litert(model, labels, {"float32": tmp_path / "any.tflite"})
    write_saved_model(model, labels, tmp_path / "any")
    names = {name for name, _, _ in operations(tmp_path / "any.tflite")}
    assert not names & {"CUSTOM", "DELEGATE", "WHILE"}
    clips = camera(4, 3, 32, 32, seed=5)
    lite, saved = (
        open_exported(tmp_path / "any.tflite"),
        open_exported(tmp_path / "any"),
    )
    for agreement in measure_agreement(model, lite, clips).values():
        assert agreement.decisions == agreement.top1 == 1.0
        assert agreement.probability < 1e-5 and abs(agreement.gmacs - 1) < 1e-5
    # The SavedModel resizes frames itself.
    wanted = expected(model, clips)
    assert_same(saved.run("clip", frames=clips), wanted)
    images = [[tf.io.encode_png(frame).numpy() for frame in clip] for clip in clips]
    assert_same(saved.run("clip_from_images", image_bytes=np.array(images)), wanted)
    state, spent = saved.run("init_state", streams=np.zeros(4, "int32")), 0.0
    for t in range(3):
        out = saved.run("step", frames=clips[:, t : t + 1], **state)
        state, spent = {key: out[key] for key in state}, spent + out["gmacs"]
    np.testing.assert_allclose(out["probabilities"], wanted["probabilities"], atol=1e-5)
    np.testing.assert_allclose(spent, wanted["gmacs"], rtol=1e-5)


def test_convolutions_are_int8_and_gates_are_not(exports):
    convolutions = gates = 0
    for operation, name, inputs in operations(exports.int8):
        if operation == "CONV_2D":
            convolutions += 1
            assert inputs[:2] == [INT8, INT8], name
        if re.search(r"(^|/)stage\d_block0(_\d+)?/", name) and operation != "QUANTIZE":
            gates += 1
            assert INT8 not in inputs or operation == "DEQUANTIZE", (operation, name)
    assert convolutions == 12 and gates > 40  # six per signature that computes


def test_models_that_cannot_stream_export_clips(tmp_path):
    model = tiny_classifier(shift="bidirectional", gated=False)
    path = tmp_path / "clips.tflite"
    write_litert(model, LABELS, {"float32": path})
    opened = open_exported(path)
    assert list(opened.inputs) == ["clip"]
    assert "shifts in both directions" in opened.card.no_stream
    clips = camera(2, FRAMES, SIZE, SIZE)
    (agreement,) = measure_agreement(model, opened, clips).values()
    assert agreement.decisions is None and agreement.probability < 1e-5


def test_mixed_precision_is_exported_in_float32(mixed_bfloat16):
    model = tiny_classifier()
    twin = in_float32(model)
    gates = [m.get_layer("stage1_block0").compute_dtype for m in (model, twin)]
    assert gates == ["bfloat16", "float32"]
    clips = model.preprocessing.normalize(camera(2, FRAMES, SIZE, SIZE))
    rounded, exact = (m(clips)["logits"].numpy() for m in (model, twin))
    assert 0 < np.abs(rounded - exact).max() < 0.2
    assert in_float32(twin) is twin


def test_what_cannot_be_converted_is_named(tmp_path):
    path = tmp_path / "x.tflite"
    with pytest.raises(ValueError, match="LiteRT has no built-in.*StatelessRandom"):
        write_litert(tiny_classifier(policy="random"), LABELS, {"float32": path})
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match=r"int8 needs typical `clips`.*None"):
        write_litert(tiny_classifier(), LABELS, {"int8": path})
    with pytest.raises(ValueError, match=r"precisions are .* \['int4'\]"):
        write_litert(tiny_classifier(), LABELS, {"int4": path})
    for sizes in ({"batch_size": 0}, {"num_frames": 0}, {"num_frames": -1}):
        with pytest.raises(ValueError, match="must be a positive integer"):
            write_litert(tiny_classifier(), LABELS, {"float32": path}, **sizes)


@pytest.mark.parametrize("part", ("hidden_dense", "output_dense"))
def test_a_nan_in_a_policy_shows_in_every_runtime(tmp_path, part):
    model = tiny_classifier()
    kernel = getattr(model.gates["stage2_block0"].policy, part).kernel
    kernel.assign(np.where(np.arange(kernel.shape[1]) == 1, np.nan, kernel))
    write_litert(model, LABELS, {"float32": tmp_path / "x.tflite"})
    write_saved_model(model, LABELS, tmp_path / "x")
    for path in ("x.tflite", "x"):
        opened = open_exported(tmp_path / path)
        frames = camera(1, FRAMES, SIZE, SIZE)
        answers = opened.run("clip", frames=frames)
        state = opened.new_state()
        answers = [answers, opened.run("step", frames=frames[:, :1], **state)]
        for answer in answers:
            assert np.isnan(answer["logits"]).all() and np.isnan(answer["gmacs"]).all()
