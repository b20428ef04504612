"""The scripts: quick to load, one line for expected errors."""

import subprocess
import sys
from pathlib import Path

import pytest

from adafuse_tf import cli, files
from adafuse_tf.training import ConfigError, load_config

SCRIPTS = [
    "train", "evaluate", "predict", "report", "export", "demo", "experiments",
    "benchmark",
]  # fmt: skip
TRAIN = Path(__file__).resolve().parents[2] / "train"


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_does_not_wait_for_tensorflow(script):
    code = (
        "import runpy, sys\n"
        f"runpy.run_path({str(TRAIN / script)!r} + '.py', run_name='imported')\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'av'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "arguments",
    (
        ["predict.py", "a.mp4", "--model_dir=x", "--frame_step=2"],
        ["predict.py", "a.mp4", "--model_dir=x", "--threads=2"],
        ["predict.py", "a.mp4", "--model=x.tflite", "--checkpoint=best"],
        ["predict.py", "a.mp4", "--model=x.tflite", "--stream", "--top_k=2"],
        ["benchmark.py", "latency", "--model_dir=x", "--forms=step"],
        ["benchmark.py", "train", "--model_dir=x"],
        ["benchmark.py", "data", "--depths=18"],
    ),
    ids=" ".join,
)
def test_a_flag_that_would_not_count_is_an_error(arguments):
    script, *arguments = arguments
    result = subprocess.run(
        [sys.executable, TRAIN / script, *arguments],
        capture_output=True,
        text=True,
    )
    flag = arguments[-1].split("=")[0]
    assert result.returncode == 1 and f"{flag} " in result.stderr
    assert "count" in result.stderr


def test_a_size_of_nothing_is_no_default():
    result = subprocess.run(
        [sys.executable, TRAIN / "benchmark.py", "latency", "--size=0"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1 and "--size=0" in result.stderr


def test_expected_error_is_one_line(capsys):
    with pytest.raises(SystemExit) as caught, cli.one_line_errors():
        load_config(overrides=["trainer.epochs=no"])
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.err == (
        "Error: trainer.epochs: must be an integer. Received: 'no'\n"
    )
    assert not captured.out


def test_a_file_where_a_folder_must_be_is_one_line(tmp_path, capsys):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(SystemExit) as caught, cli.one_line_errors():
            files.make_dirs(path)
        assert caught.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("Error: ") and str(path) in line


def test_other_errors_keep_their_trace():
    with pytest.raises(ValueError, match="invalid literal"), cli.one_line_errors():
        int("x")  # not raised by this package


def test_config_errors_are_value_errors():
    assert issubclass(ConfigError, ValueError)
