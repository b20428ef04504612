"""Two devices give what one gives."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_two_devices_equal_one(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "tests.training.mirrored_runs", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["replicas"] == {"one_device": 1, "mirrored": 2}
    assert found["difference"] < 1e-5
    pairs = zip(*(found["compared"][name] for name in found["replicas"]), strict=True)
    for one, two in pairs:
        assert one["train/flops_loss"] > 0
        for key in one.keys() - {"seconds"}:
            assert two[key] == pytest.approx(one[key], rel=1e-4, abs=1e-6), key
    assert found["left"] == {"code": 143, "epoch": 1, "step": 1}
    assert found["difference_gone_on"] < 1e-6
    assert found["steps_with_one_undone"] == [4, 4]
    assert found["difference_with_one_undone"] < 1e-5
    # The step with an overflow is left out on both, the other one is taken.
    assert found["overflow"]["scales"] == [16384, 16384]
    assert found["overflow"]["steps"] == 1
    expected = 1 - 0.01 * 2 * (3 - 2.5)
    assert found["overflow"]["kernel"] == pytest.approx([expected] * 3, rel=1e-3)
    # With gates both replicas follow the schedules.
    assert found["noise"] == [0.25, 0.25]
    first, second = found["rows"]
    assert first["validation/keep"] == 1.0
    assert second["train/gmacs"] < first["train/gmacs"]
