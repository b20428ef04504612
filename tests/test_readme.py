"""What the README shows works."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

import adafuse_tf
from adafuse_tf.models import VideoClassifier

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_layer_example_runs():
    scope = {}
    exec(blocks("python")[0], scope)
    clips = np.zeros((2, 8, 32, 32, 3), "float32")
    assert scope["model"](clips).shape == (2, 64)


def test_network_example_runs_on_a_smaller_network():
    code = blocks("python")[1]
    code = code.replace(
        '"adafuse_tsm_resnet50", num_classes=174',
        '"adafuse_tsm_resnet18", num_classes=5, width=0.125',
    )
    keras.utils.set_random_seed(0)
    scope = {
        "clips": np.random.default_rng(0).normal(size=(2, 3, 32, 32, 3)),
        "labels": np.array([0, 1]),
    }
    exec(code, scope)
    assert scope["result"].logits.shape == (2, 5)
    scope["keras"] = keras
    exec(blocks("python")[2], scope)
    scope["model"].fit(scope["clips"], scope["labels"], verbose=0)


def test_stream_example_gives_the_logits_of_the_clip():
    model = VideoClassifier.from_preset(
        "adafuse_tsn_resnet18",
        5,
        width=0.125,
        hidden_units=8,
        preprocessing={"resize": 32, "crop": 32},
    )
    clip = np.random.default_rng(0).normal(size=(1, 4, 32, 32, 3)).astype("float32")
    scope = {"streaming_model": model, "stream": [clip[:, :2], clip[:, 2:]]}
    exec(blocks("python")[3], scope)
    np.testing.assert_allclose(
        scope["outputs"]["logits"], model(clip)["logits"], atol=1e-6
    )


def test_own_network_example_runs():
    code = block_with("from_image_model(").replace(
        "input_shape=(224, 224, 3)", "input_shape=(224, 224, 3), weights=None"
    )
    scope = {"keras": keras, "adafuse_tf": adafuse_tf}
    exec(code, scope)
    (table,) = blocks("text")
    assert table == f"{adafuse_tf.find_sites(scope['cnn'])}\n"
    out = scope["model"](np.zeros((1, 2, 224, 224, 3), "uint8"))
    assert out["logits"].shape == (1, 27)


def block_with(text):
    (block,) = [block for block in blocks("python") if text in block]
    return block


def test_exported_model_streams(monkeypatch, capsys):
    monkeypatch.chdir(Path(__file__).parents[1])
    frames = np.random.default_rng(0).integers(0, 256, (3, 48, 40, 3)).astype("uint8")
    exec(block_with("VideoStream("), {"frames": frames})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all("'keep'" in line for line in lines)


def test_gated_example_gives_what_a_step_does():
    pytest.importorskip("ai_edge_litert")
    model = VideoClassifier.from_preset(
        "adafuse_tsn_resnet18",
        5,
        width=0.125,
        hidden_units=8,
        group_size=16,
        gates=["stage4_block1"],
        preprocessing={"resize": 32, "crop": 32},
    )
    # Fresh policies decide next to nothing: rounding would decide for them.
    rng = np.random.default_rng(1)
    for variable in model.gates["stage4_block1"].policy.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    frames = np.random.default_rng(0).normal(size=(1, 2, 32, 32, 3)).astype("float32")
    scope = {"model": model, "frames": frames}
    exec(block_with("gated_view("), scope)
    expected, _ = model.step(frames, model.initial_state(1))
    for name, value in expected.items():
        np.testing.assert_allclose(scope["outputs"][name], value, rtol=1e-4, atol=1e-5)


def test_folders_of_the_map_exist():
    for folder in re.findall(r"^\| `([\w/]+)` \|", README, re.M):
        assert (Path(__file__).parents[1] / folder).is_dir(), folder
