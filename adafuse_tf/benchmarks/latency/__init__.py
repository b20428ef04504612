"""What dense and gated networks take per frame, in both runtimes."""

from adafuse_tf.benchmarks.latency.run import LatencySettings, run

__all__ = ["LatencySettings", "run"]
