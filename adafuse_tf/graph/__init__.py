"""Reads any functional Keras CNN: where gates can sit, and what it costs."""

import adafuse_tf.graph.builtin  # noqa: F401  (fills the registry)
from adafuse_tf.graph.cost_table import cost_table
from adafuse_tf.graph.find_sites import Site, find_sites
from adafuse_tf.graph.operations import register_operation

__all__ = ["Site", "cost_table", "find_sites", "register_operation"]
