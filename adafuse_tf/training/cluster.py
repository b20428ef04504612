"""Which of the processes of a run this one is."""

import json
import os
from typing import NamedTuple

from adafuse_tf.training.errors import ConfigError

_SLURM = ("SLURM_PROCID", "SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE")


class Cluster(NamedTuple):
    """The processes of a run.

    Attributes:
        index: the place of this one, from 0.
        size: how many there are.
    """

    index: int = 0
    size: int = 1

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the files of the run."""
        return self.index == 0


def find_cluster() -> Cluster:
    """Reads `TF_CONFIG`, or under Slurm's `srun` sets it for the tasks of the step.

    Raises:
        ConfigError: neither is there, or `TF_CONFIG` is not valid.
    """
    if not os.environ.get("TF_CONFIG"):
        if not all(name in os.environ for name in _SLURM):
            raise ConfigError(
                "runtime.distribution_strategy: multi_worker_mirrored needs TF_CONFIG "
                "in the environment of each process, or srun; see docs/training.md. "
                "Received: neither"
            )
        os.environ["TF_CONFIG"] = _slurm_config()
    received = os.environ["TF_CONFIG"]
    try:
        config = json.loads(received)
        tasks = [("chief", i) for i in range(len(config["cluster"].get("chief", ())))]
        tasks += [("worker", i) for i in range(len(config["cluster"]["worker"]))]
        index = tasks.index((config["task"]["type"], int(config["task"]["index"])))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ConfigError(
            'TF_CONFIG: must be like {"cluster": {"worker": ["host1:2222", '
            '"host2:2222"]}, "task": {"type": "worker", "index": 0}}, the task one of '
            f"the cluster. Received: TF_CONFIG={received}"
        ) from None
    return Cluster(index, len(tasks))


def _slurm_config() -> str:
    import tensorflow as tf

    # Which GPUs a task sees is up to Slurm (--gpus-per-task); the resolver's own idea
    # of it fails where there are none. One for each port will do.
    resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
        gpus_per_node=1024, gpus_per_task=1, auto_set_gpu=False
    )
    cluster = resolver.cluster_spec().as_dict()
    kind, index = resolver.get_task_info()
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})
