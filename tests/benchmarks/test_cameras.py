import json
from pathlib import Path

import pytest

from adafuse_tf.benchmarks import cameras
from adafuse_tf.benchmarks.cameras import VARIANTS, CamerasSettings

MODEL = Path(__file__).parents[2] / cameras.DEFAULT_MODEL


def test_ratios_are_of_the_same_round():
    rates = dict(zip(VARIANTS, ([100, 50, 10], [200, 50, 15]), strict=True))
    row = cameras.row_of(4, rates)
    assert row["fps"] == {VARIANTS[0]: 50, VARIANTS[1]: 50}
    assert row["ratio"] == [1.25, 1.5, 1.75]
    assert row["fps_of_rounds"][VARIANTS[1]] == [200, 50, 15]
    cells = cameras.as_markdown([row]).splitlines()[-1]
    assert cells == "| 4 | 50 | 50 | x1.50 (1.25 to 1.75) |"


def test_all_is_measured(tmp_path):
    settings = CamerasSettings(str(MODEL), ("1", "3"), seconds=0.1, repeats=2)
    text = cameras.run(str(tmp_path), settings)
    assert (tmp_path / "cameras.md").read_text() == text + "\n"
    assert "processor" in text and "camera_moves.tflite" in text
    found = json.loads((tmp_path / "cameras.json").read_text())
    assert found["settings"]["cameras"] == [1, 3]
    for row in found["rows"]:
        for rates in row["fps_of_rounds"].values():
            assert len(rates) == 2 and min(rates) > 1


def test_an_error_in_a_thread_is_raised():
    class Stream:
        def push(self, frame):
            raise RuntimeError("no more frames")

    with pytest.raises(RuntimeError, match="no more frames"):
        cameras._frames_per_second([Stream()] * 2, [[0], [0]], 0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_path": "saved_models/camera_moves"}, "a SavedModel has none"),
        ({"repeats": 0}, "`repeats` must be >= 1"),
        ({"seconds": 0.0}, "`seconds` positive"),
        ({"cameras": ()}, "must be positive integers"),
        ({"cameras": ("0",)}, r"Received: \('0',\)"),
        ({"cameras": ("two",)}, r"Received: \('two',\)"),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        CamerasSettings(**changes)
