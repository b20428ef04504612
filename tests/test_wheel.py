"""An installed wheel is complete."""

import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this repository, built without a network and outside of it."""
    setuptools = pytest.importorskip("setuptools", reason="builds the wheel")
    if tuple(map(int, setuptools.__version__.split(".")[:2])) < (70, 1):
        pytest.importorskip("wheel", reason="builds the wheel with older setuptools")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "setup.py", "-q", "egg_info", f"--egg-base={folder}"]
    command += ["build", f"--build-base={folder / 'build'}", "bdist_wheel"]
    command += [f"--bdist-dir={folder / 'bdist'}", f"--dist-dir={folder}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_it_has_all_modules_and_configs(wheel):
    expected = set()
    for folder, installed, pattern in (
        ("adafuse_tf", "adafuse_tf", "**/*.py"),
        ("configs", "adafuse_tf/configs", "**/*.yaml"),
        ("train", "adafuse_tf_train", "*.py"),
    ):
        for path in (ROOT / folder).glob(pattern):
            expected.add(f"{installed}/{path.relative_to(ROOT / folder).as_posix()}")
    assert "adafuse_tf/configs/published/jester.yaml" in expected
    found = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert found == expected


def test_its_commands_are_the_scripts(wheel):
    (name,) = (n for n in wheel.namelist() if n.endswith("/entry_points.txt"))
    entries = configparser.ConfigParser()
    entries.read_string(wheel.read(name).decode())
    expected = {
        f"adafuse-{path.stem.replace('_', '-')}": f"adafuse_tf_train.{path.stem}:main"
        for path in (ROOT / "train").glob("[a-z]*.py")
    }
    assert dict(entries["console_scripts"]) == expected and len(expected) == 10


def test_it_finds_its_configs(wheel, tmp_path):
    wheel.extractall(tmp_path)
    code = (
        "import adafuse_tf\n"
        "from adafuse_tf.training import config_loading as loading\n"
        f"assert adafuse_tf.__file__.startswith({str(tmp_path)!r})\n"
        f"assert str(loading.CONFIGS_DIR).startswith({str(tmp_path)!r})\n"
        "row = 'configs/published/jester.yaml'\n"
        "loading.load_config('fir_action')\n"
        "loading.load_config('published', [row])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,  # first in the path of `-c`
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
