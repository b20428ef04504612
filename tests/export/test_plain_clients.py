"""Artefacts agree with Keras in programs that have never heard of this package."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from adafuse_tf.data import records, segment_indices
from tests.export.tiny import (
    FRAMES,
    LABELS,
    SIZE,
    assert_same,
    camera,
    expected,
)

HERE = Path(__file__).parent


def run_client(kind, path, calls, folder):
    """Runs `plain_clients.py`; `calls` is `{call: {input: array}}`."""
    inputs = {f"{c}.{n}": v for c, values in calls.items() for n, v in values.items()}
    np.savez(folder / "in.npz", **inputs)
    command = [sys.executable, str(HERE / "plain_clients.py"), kind, str(path)]
    result = subprocess.run(
        [*command, str(folder / "in.npz"), str(folder / "out.npz")],
        capture_output=True,
        text=True,
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    assert result.returncode == 0, result.stderr[-2000:]
    outputs = {}
    for key, value in np.load(folder / "out.npz").items():
        call, name = key.rsplit(".", 1)
        outputs.setdefault(call, {})[name] = value
    return outputs


def jpegs_of(clips):
    return np.array([[records.encode_frame(f) for f in clip] for clip in clips])


def decoded(jpegs):
    return np.array([[tf.io.decode_jpeg(j, 3) for j in clip] for clip in jpegs])


def test_saved_model_in_plain_tensorflow(exports, tmp_path):
    model = exports.model
    one, many = camera(1, 7, 24, 40), camera(3, 1, 18, 16, seed=1)
    jpegs = jpegs_of(camera(2, 3, 30, 20, seed=2))
    videos = jpegs_of(camera(2, 9, 20, 30, seed=3))
    examples = [
        records.encode_clip(
            list(video), label_index=0, label_text="", media_id="", width=30, height=20
        )
        for video in videos
    ]
    found = run_client(
        "saved_model",
        exports.saved_model,
        {
            "serving_default": {"frames": one},
            "many:clip": {"frames": many},
            "clip_from_images": {"image_bytes": jpegs},
            "clip_from_examples": {"examples": np.array(examples)},
            "ones:stream": {"frames": one, "lengths": np.ones(7, int)},
            "some:stream": {"frames": one, "lengths": np.array([2, 4, 1])},
            "both:stream": {"frames": many, "lengths": np.ones(1, int)},
        },
        tmp_path,
    )
    chosen = segment_indices(9, FRAMES).numpy()
    wanted = {
        "serving_default": expected(model, one),
        "many:clip": expected(model, many),
        "clip_from_images": expected(model, decoded(jpegs)),
        "clip_from_examples": expected(model, decoded(videos)[:, chosen]),
    }
    assert len(np.unique(wanted["many:clip"]["actions"])) == 3
    for call, answers in wanted.items():
        labels = found[call].pop("labels")
        assert list(labels) == [LABELS[number] for number in answers["classes"]]
        assert_same(found[call], answers)
    for call, frames in (("ones", one), ("some", one), ("both", many)):
        answers = expected(model, frames)
        both = {name: answers[name] for name in ("logits", "gmacs")}
        assert_same(found[f"{call}:stream"], both)


@pytest.mark.parametrize(
    ("model", "file", "batch", "frames"),
    [("model", "float32", 1, 4), ("fused_model", "fused_pair", 2, 3)],
)
def test_litert_without_tensorflow(exports, tmp_path, model, file, batch, frames):
    model = getattr(exports, model)
    clips, steps = camera(batch, frames, SIZE, SIZE), camera(batch, 9, SIZE, SIZE)
    found = run_client(
        "litert",
        getattr(exports, file),
        {
            "clip": {"frames": clips},
            "stream": {"frames": steps, "lengths": np.ones(9, int)},
        },
        tmp_path,
    )
    view = model.with_outputs("logits", "gmacs", "policies")
    for call, batch_of_clips in (("clip", clips), ("stream", steps)):
        wanted = view(model.preprocessing.normalize(batch_of_clips))
        policies = wanted.pop("policies")
        assert_same(found[call], {k: v.numpy() for k, v in wanted.items()})
    one_hot = np.concatenate([policies[gate] for gate in model.gates], 2)
    assert len(np.unique(one_hot.argmax(-1))) == 3  # else there is little to compare


def signature_definitions(path):
    message = saved_model_pb2.SavedModel()
    message.ParseFromString((Path(path) / "saved_model.pb").read_bytes())
    return message.meta_graphs[0].signature_def


def test_every_input_and_output_has_a_batch_dimension(exports):
    definitions = signature_definitions(exports.saved_model)
    assert set(definitions) >= {"serving_default", "clip", "init_state", "step"}
    for signature, definition in definitions.items():
        if signature.startswith("__"):  # TensorFlow's own, for loading
            continue
        for tensors in (definition.inputs, definition.outputs):
            for name, tensor in tensors.items():
                shape = tensor.tensor_shape
                assert not shape.unknown_rank and shape.dim[0].size == -1, name
    clip, step = definitions["clip"], definitions["step"]
    assert [d.size for d in clip.inputs["frames"].tensor_shape.dim] == [-1] * 4 + [3]
    state = {name for name in step.inputs if name != "frames"}
    assert state and state == {n for n in step.outputs if n.startswith("state_")}
    assert state == set(definitions["init_state"].outputs)
    answers = {"logits", "probabilities", "classes", "labels", "gmacs", "actions",
               "keep_share", "reuse_share", "skip_share"}  # fmt: skip
    assert set(clip.outputs) == set(step.outputs) - state == answers


def test_labels_and_configuration_travel_along(exports):
    assets = exports.saved_model / "assets"
    assert (assets / "labels.txt").read_text().split() == list(LABELS)
    assert (assets / "params.yaml").read_text() == "a: 1"
    with zipfile.ZipFile(exports.float32) as attached:
        assert attached.read("labels.txt").decode().split() == list(LABELS)
        assert attached.read("params.yaml") == b"a: 1"


@pytest.fixture(scope="module")
def c_program(tmp_path_factory):
    """`run_saved_model.c`, built against the C library in TensorFlow's package."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    library = Path(tf.sysconfig.get_lib())
    if compiler is None or not (library / "libtensorflow_cc.so.2").is_file():
        pytest.skip("needs a C compiler and libtensorflow_cc.so.2")
    program = tmp_path_factory.mktemp("c") / "run_saved_model"
    command = [compiler, str(HERE / "run_saved_model.c"), "-o", str(program)]
    command += [f"-I{tf.sysconfig.get_include()}", f"-L{library}"]
    command += ["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"]
    built = subprocess.run(
        [*command, f"-Wl,-rpath,{library}"], capture_output=True, text=True
    )
    if built.returncode:
        pytest.skip(f"the C program does not build here: {built.stderr[-300:]}")
    return program


def test_saved_model_from_c(exports, c_program, tmp_path):
    frames = camera(2, 5, 22, 26)
    (tmp_path / "frames").write_bytes(frames.tobytes())
    definition = signature_definitions(exports.saved_model)["serving_default"]
    names = [definition.inputs["frames"].name]
    names += [definition.outputs[name].name for name in ("logits", "gmacs")]
    result = subprocess.run(
        [str(c_program), str(exports.saved_model), str(tmp_path / "frames"),
         *map(str, frames.shape), *names],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-1000:]
    logits, gmacs = (
        np.array(line.split(), float) for line in result.stdout.splitlines()
    )
    wanted = expected(exports.model, frames)
    assert_same(
        {"logits": logits.reshape(2, -1), "gmacs": gmacs},
        {name: wanted[name] for name in ("logits", "gmacs")},
    )
