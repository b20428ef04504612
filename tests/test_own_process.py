"""Functions in processes of their own: their errors, and their end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adafuse_tf import cli, files
from adafuse_tf.own_process import in_own_process


def write_pid_and_wait(path):
    Path(path).write_text(str(os.getpid()))
    time.sleep(120)


def leave_when_asked(path):
    """As a run does that saves upon SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    write_pid_and_wait(path)


def test_an_expected_error_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught, cli.one_line_errors():
        in_own_process(files.read_text, str(tmp_path / "absent"))
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: ") and "absent" in line
    with pytest.raises(ValueError, match="Expecting value"), cli.one_line_errors():
        in_own_process(json.loads, "x")


def tensorflow_is_loaded():
    return "tensorflow" in sys.modules


def test_it_loads_what_the_function_needs_and_no_more():
    assert in_own_process(tensorflow_is_loaded) is False


@pytest.mark.parametrize("function", [write_pid_and_wait, leave_when_asked])
def test_it_ends_with_the_process_that_called(function, tmp_path):
    path = tmp_path / "pid"
    code = (
        "from tests.test_own_process import *\n"
        f"in_own_process({function.__name__}, {str(path)!r})"
    )
    caller = subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[1]
    )
    while not path.is_file() or not path.read_text():
        assert caller.poll() is None
        time.sleep(0.1)
    caller.kill()
    caller.wait()
    pid = int(path.read_text())
    for _ in range(300):
        if not _runs(pid):
            return
        time.sleep(0.1)
    os.kill(pid, 9)
    pytest.fail("it runs on without its caller")


def _runs(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
