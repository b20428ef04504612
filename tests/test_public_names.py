"""What `import adafuse_tf` gives, with all extras installed and without any."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import adafuse_tf

PACKAGE = Path(adafuse_tf.__file__).parent
NAMES = {
    "AdaptiveTemporalFusion",
    "FlopsLoss",
    "LearnedPolicy",
    "MeanGMACs",
    "Preprocessing",
    "TemporalShift",
    "VideoClassifier",
    "VideoStream",
    "find_sites",
    "from_pytorch",
    "gated_view",
    "open_exported",
    "profile",
    "register_operation",
}
# What no extra brings; the others need one.
CORE = {
    "costs",
    "data",
    "graph",
    "inference",
    "layers",
    "losses",
    "models",
    "networks",
    "optimizers",
    "weights",
}
WITHOUT_EXTRAS = """
import importlib.abc, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {extras}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
"""
EXTRAS = {
    "PIL", "ai_edge_litert", "apache_beam", "av", "matplotlib", "official", "psutil",
    "pydantic", "skimage", "tensorflow_serving", "torch", "tqdm", "yaml",
}  # fmt: skip
REPORT = """
import json, sys
import adafuse_tf
loaded = sorted(n for n in ("keras", "numpy", "tensorflow") if n in sys.modules)
submodules = sorted(m for m in vars(adafuse_tf) if f"adafuse_tf.{m}" in sys.modules)
names = {name: getattr(adafuse_tf, name).__name__ for name in adafuse_tf.__all__}
from adafuse_tf import *
assert VideoClassifier is adafuse_tf.models.VideoClassifier
import keras
registered = sorted(keras.saving.get_custom_objects())
print(json.dumps([loaded, submodules, names, registered, dir(adafuse_tf)]))
"""


def run(code, **environment):
    inherited = {k: v for k, v in os.environ.items() if k != adafuse_tf.LAZY}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**inherited, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
    )


def report(code=REPORT, **environment):
    done = run(code, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def registered_classes():
    """Those that the package's source marks."""
    marked = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            decorators = getattr(node, "decorator_list", [])
            if any("register_keras_serializable" in ast.unparse(d) for d in decorators):
                marked.add(f"adafuse_tf>{node.name}")
    return marked


@pytest.mark.parametrize("extras", [set(), EXTRAS], ids=["extras", "core"])
def test_it_loads_the_names_and_registers_all_classes(extras):
    without = WITHOUT_EXTRAS.format(extras=extras) if extras else ""
    loaded, submodules, names, registered, listed = report(without + REPORT)
    assert loaded == ["keras", "numpy", "tensorflow"]
    assert CORE <= set(submodules)
    assert names == {name: name for name in NAMES}
    expected = registered_classes()
    assert len(expected) > 15 and expected <= set(registered)
    assert NAMES | CORE | {"export", "report", "training"} <= set(listed)


def test_lazily_it_loads_nothing_until_a_name_is_used():
    loaded, submodules, names, *_ = report(ADAFUSE_TF_LAZY="1")
    assert loaded == submodules == []
    assert set(names) == NAMES
    loaded, *_ = report(ADAFUSE_TF_LAZY="0")
    assert "keras" in loaded


def test_submodules_are_attributes():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    modules = sorted(folders - {"storage"} | {"losses", "optimizers"})
    code = f"import adafuse_tf\nfor m in {modules}:\n    getattr(adafuse_tf, m)"
    done = run(f"{code}\nassert adafuse_tf.inference.gated\nadafuse_tf.nothing")
    assert done.stderr.endswith("no attribute 'nothing'\n"), done.stderr


def test_what_needs_an_extra_says_which():
    code = "import adafuse_tf\nadafuse_tf.training"
    done = run(WITHOUT_EXTRAS.format(extras=EXTRAS) + code)
    line = done.stderr.splitlines()[-1]
    assert line.startswith("ImportError: Configurations need pydantic")
    assert "adafuse_tf[train]" in line


def test_devices_can_be_configured_afterwards():
    # TensorFlow takes no more settings once it has computed something.
    code = (
        "import adafuse_tf\nimport tensorflow as tf\n"
        "(cpu,) = tf.config.list_physical_devices('CPU')\n"
        "halves = [tf.config.LogicalDeviceConfiguration()] * 2\n"
        "tf.config.set_logical_device_configuration(cpu, halves)\n"
        "assert len(tf.config.list_logical_devices('CPU')) == 2"
    )
    done = run(code)
    assert done.returncode == 0, done.stderr
