"""Comparisons of many runs over several seeds: what the claims rest on."""

from adafuse_tf.experiments.run import run_study
from adafuse_tf.experiments.study import Study, read_study

__all__ = ["Study", "read_study", "run_study"]
