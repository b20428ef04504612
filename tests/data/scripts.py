"""Runs the scripts in `train/` for the tests of this folder."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def start(script, *flags):
    """The script as a process; what it prints, errors too, comes in its stdout."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "train" / f"{script}.py"), *map(str, flags)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def run(script, *flags):
    """Exit code and what was printed."""
    with start(script, *flags) as process:
        text, _ = process.communicate(timeout=120)
    return process.returncode, text
