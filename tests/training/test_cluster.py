"""Which process of a run this is, by the environment."""

import json

import pytest

from adafuse_tf.training import ConfigError
from adafuse_tf.training.cluster import find_cluster

HOSTS = ["a:1", "b:1"]


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "")
    for name in ("PROCID", "STEP_NODELIST", "STEP_TASKS_PER_NODE", "STEP_NUM_TASKS"):
        monkeypatch.delenv(f"SLURM_{name}", raising=False)


@pytest.mark.parametrize(
    ("cluster", "task", "place"),
    [
        ({"worker": HOSTS}, ("worker", 0), (0, 2)),
        ({"worker": HOSTS}, ("worker", "1"), (1, 2)),
        ({"chief": ["c:1"], "worker": HOSTS}, ("chief", 0), (0, 3)),
        ({"chief": ["c:1"], "worker": HOSTS}, ("worker", 1), (2, 3)),
    ],
)
def test_tf_config(monkeypatch, cluster, task, place):
    config = {
        "cluster": cluster,
        "task": dict(zip(("type", "index"), task, strict=True)),
    }
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    found = find_cluster()
    assert tuple(found) == place and found.is_chief == (place[0] == 0)


def test_slurm(monkeypatch):
    monkeypatch.setenv("SLURM_PROCID", "2")
    monkeypatch.setenv("SLURM_STEP_NODELIST", "gpu[01-02]")
    monkeypatch.setenv("SLURM_STEP_TASKS_PER_NODE", "2(x2)")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    assert tuple(find_cluster()) == (2, 4)
    import os

    config = json.loads(os.environ["TF_CONFIG"])
    assert config["cluster"]["worker"] == [
        "gpu01:8888", "gpu01:8889", "gpu02:8888", "gpu02:8889"
    ]  # fmt: skip
    assert config["task"] == {"type": "worker", "index": 2}


@pytest.mark.parametrize(
    "received", ["{", "[]", '{"cluster": {}}', '{"cluster": {"worker": ["a:1"]}}']
)
def test_wrong_tf_config(monkeypatch, received):
    monkeypatch.setenv("TF_CONFIG", received)
    with pytest.raises(ConfigError, match="TF_CONFIG: must be like") as e:
        find_cluster()
    assert "\n" not in str(e.value) and received in str(e.value)


def test_neither(monkeypatch):
    with pytest.raises(ConfigError, match="needs TF_CONFIG .* or srun"):
        find_cluster()
