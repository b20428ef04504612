"""The devices of a run."""

import functools
import sys

import tensorflow as tf

from adafuse_tf.training.cluster import Cluster, find_cluster
from adafuse_tf.training.config import RuntimeConfig
from adafuse_tf.training.keras_20585 import MultiWorkerMirroredStrategy


def cluster_of(config: RuntimeConfig) -> Cluster:
    """The processes that share a run; one but with `multi_worker_mirrored`."""
    several = config.distribution_strategy == "multi_worker_mirrored"
    return find_cluster() if several else Cluster()


def build_strategy(config: RuntimeConfig) -> tf.distribute.Strategy:
    """The strategy that `distribution_strategy` names.

    `mirrored` takes all GPUs of this machine, or its logical CPUs where it has none;
    `multi_worker_mirrored` all GPUs that each process sees. The latter waits for the
    other processes, and must come before anything that TensorFlow computes.
    """
    if config.distribution_strategy == "one_device":
        return tf.distribute.get_strategy()
    if config.distribution_strategy == "multi_worker_mirrored":
        return _multi_worker(find_cluster())
    devices = tf.config.list_logical_devices("GPU")
    devices = devices or tf.config.list_logical_devices("CPU")
    return _mirrored(tuple(device.name for device in devices))


def local_replicas(strategy: tf.distribute.Strategy, cluster: Cluster) -> int:
    """How many devices of this process share a batch."""
    return strategy.num_replicas_in_sync // cluster.size


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    # One per process: a second one would number its collective operations from the
    # start again, and TensorFlow takes them for those of the first.
    return tf.distribute.MirroredStrategy(list(devices))


@functools.cache
def _multi_worker(cluster: Cluster) -> tf.distribute.Strategy:
    name = f"worker {cluster.index} of {cluster.size}"
    print(f"This is {name}; waiting for the others.", file=sys.stderr, flush=True)
    tf.get_logger().setLevel("WARNING")  # it tells of every reduction
    return MultiWorkerMirroredStrategy()
