"""The page in `saved_models/` tells what works."""

import re
import zipfile
from pathlib import Path

import pytest

from adafuse_tf.inference import open_exported
from adafuse_tf.training.config_loading import load_config
from tests.export.tiny import FRAMES, LABELS, SIZE, camera

FOLDER = Path(__file__).resolve().parents[2] / "saved_models"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)


@pytest.mark.parametrize("code", BLOCKS)
def test_code_runs(code, exports, capsys):
    for name, path in (("/1", exports.saved_model), (".tflite", exports.float32)):
        code = code.replace(f"saved_models/camera_moves{name}", str(path))
    exec(code, {"frames": camera(FRAMES, SIZE, SIZE)})
    out = capsys.readouterr().out
    assert any(label in out for label in LABELS) or "[[0." in out


def test_signatures_are_those_of_the_table(exports):
    rows = re.findall(r"^\| `(\w+)`[^|]*\| (.*?) \| (both|SavedModel) \|$", PAGE, re.M)
    tables = {"both": set(), "SavedModel": set()}
    for name, _, where in rows:
        tables[where].add(name)
    assert set(open_exported(exports.float32).inputs) == tables["both"]
    everything = tables["both"] | tables["SavedModel"]
    assert set(open_exported(exports.saved_model).inputs) == everything


@pytest.mark.skipif(
    not (FOLDER / "camera_moves.tflite").is_file(), reason="no model is there"
)
@pytest.mark.parametrize("path", ["camera_moves.tflite", "camera_moves"])
def test_the_models_there_stream(path):
    opened = open_exported(FOLDER / path)
    assert "pan_left" in opened.card.labels and opened.card.no_stream is None
    outputs = opened.run("step", frames=camera(1, 1, 32, 32), **opened.new_state())
    assert outputs["probabilities"].sum() == pytest.approx(1, abs=1e-5)


def test_the_models_there_are_of_the_demo_as_it_is():
    asset = FOLDER / "camera_moves" / "1" / "assets" / "params.yaml"
    text = asset.read_text(encoding="utf-8")
    with zipfile.ZipFile(FOLDER / "camera_moves.tflite") as file:
        assert file.read("params.yaml").decode() == text
    given = load_config(config_files=[asset])
    task = given.task.model_copy(update={"data_dir": None})
    assert given.model_copy(update={"task": task}) == load_config("demo")
