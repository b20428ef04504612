"""The gated view: a trained model that computes only what its policies ask for."""

from adafuse_tf.inference.gated.cost_model import (
    choose_mechanisms,
    gated_view,
    tile_shares,
)
from adafuse_tf.inference.gated.dense_clip import dense_clip
from adafuse_tf.inference.gated.gate import Mechanism
from adafuse_tf.inference.gated.probes import RuntimeCosts, measure_runtime
from adafuse_tf.inference.gated.regroup import RegroupCost, order_channels, regroup
from adafuse_tf.inference.gated.view import GatedView

__all__ = [
    "GatedView",
    "Mechanism",
    "RegroupCost",
    "RuntimeCosts",
    "choose_mechanisms",
    "dense_clip",
    "gated_view",
    "measure_runtime",
    "order_channels",
    "regroup",
    "tile_shares",
]
