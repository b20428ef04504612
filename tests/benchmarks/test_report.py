"""What a report says of the machine."""

import platform

import pytest

from adafuse_tf import files
from adafuse_tf.benchmarks.report import machine

X86 = """processor\t: 0
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC

processor\t: 1
cpu family\t: 25
model\t\t: 1
model name\t: another
"""


@pytest.mark.parametrize(
    "cpuinfo, expected",
    [
        (X86, "AMD EPYC (family 25 model 17)"),
        ("model name\t: ARMv7 (v7l)\n", "ARMv7 (v7l)"),
        ("processor\t: 0\nCPU part\t: 0xd0c\n", "from platform"),
        (None, "from platform"),  # not Linux
    ],
)
def test_processors_of_one_name_are_told_apart(monkeypatch, cpuinfo, expected):
    def read_text(path):
        assert path == "/proc/cpuinfo"
        if cpuinfo is None:
            raise FileNotFoundError(path)
        return cpuinfo

    monkeypatch.setattr(files, "read_text", read_text)
    monkeypatch.setattr(platform, "processor", lambda: "from platform")
    assert machine()["processor"] == expected
