"""The scripts: quick to load, one line for expected errors."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adafuse_tf import LAZY, cli, files
from adafuse_tf.training import ConfigError, load_config

TRAIN = Path(__file__).resolve().parents[2] / "train"
SCRIPTS = sorted(path.stem for path in TRAIN.glob("[a-z]*.py"))
# What these list of the data, they take from its readers.
NEED_NUMPY = {"check_data", "prepare_data"}
# `--help` ends with an exit code.
AND_WHAT_IS_LOADED = """
except SystemExit:
    heavy = {'tensorflow', 'keras', 'numpy', 'av'} & set(sys.modules)
    print('loaded:', *sorted(heavy))
"""


def help_of(code, name):
    """What `--help` prints, and which of the heavy packages are loaded then."""
    code = f"import runpy, sys\nsys.argv = [{name!r}, '--help']\ntry:\n    {code}"
    done = subprocess.run(
        [sys.executable, "-c", code + AND_WHAT_IS_LOADED],
        capture_output=True,
        text=True,
        env={key: value for key, value in os.environ.items() if key != LAZY},
    )
    assert done.returncode == 0, done.stderr
    text, _, loaded = done.stdout.rpartition("loaded:")
    return text, set(loaded.split())


def command_of(script):
    return f"adafuse-{script.replace('_', '-')}"


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_does_not_wait_for_tensorflow(script):
    path = str(TRAIN / f"{script}.py")
    text, loaded = help_of(f"runpy.run_path({path!r}, run_name='__main__')", path)
    assert f"python train/{script}.py" in text and "Try --helpfull" in text
    assert loaded <= ({"numpy"} if script in NEED_NUMPY else set())


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_command_is_its_script(script):
    name = command_of(script)
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name=name)
    module, _, function = entry.value.partition(":")
    command = f"from {module} import {function} as main; main()"
    text, loaded = help_of(command, f"/somewhere/{name}")
    assert loaded <= ({"numpy"} if script in NEED_NUMPY else set())
    # The same help, but for what it is called.
    path = str(TRAIN / f"{script}.py")
    expected, _ = help_of(f"runpy.run_path({path!r}, run_name='__main__')", path)
    for other in SCRIPTS:
        expected = expected.replace(f"python train/{other}.py", command_of(other))
    assert text == expected.replace(f"\n{path}:\n", f"\n/somewhere/{name}:\n")


def test_every_script_is_a_command():
    entries = importlib.metadata.entry_points(group="console_scripts")
    ours = {entry.name for entry in entries if entry.name.startswith("adafuse-")}
    assert ours == set(map(command_of, SCRIPTS)) and len(ours) == 10


@pytest.mark.parametrize("script", sorted(set(SCRIPTS) - {"benchmark", "predict"}))
def test_stray_words_are_an_error(script):
    given = {
        "train": ["--model_dir=x"],
        "report": ["--model_dir=x"],
        "export": ["--model_dir=x"],
        "evaluate": ["--model_dir=x", "--input_path=x"],
        "experiments": ["--study=x", "--work_dir=x"],
        "prepare_data": ["--output_dir=x"],
        "check_data": ["--output_dir=x"],
        "demo": [],
    }[script]
    done = subprocess.run(
        [sys.executable, TRAIN / f"{script}.py", *given, "stray", "word"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("Unknown arguments: ['stray', 'word']")


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
