"""What a clip costs: one static table, two conventions."""

from adafuse_tf.costs.authors import authors_base, authors_gflops
from adafuse_tf.costs.clip_cost import ClipCost
from adafuse_tf.costs.flops_loss import FlopsLoss
from adafuse_tf.costs.gmacs_metric import MeanGMACs
from adafuse_tf.costs.macs import clip_gmacs, static_gmacs
from adafuse_tf.costs.operation import Operation, Share, conv2d, dense
from adafuse_tf.costs.shares import computed_share, read_share

__all__ = [
    "ClipCost",
    "FlopsLoss",
    "MeanGMACs",
    "Operation",
    "Share",
    "authors_base",
    "authors_gflops",
    "clip_gmacs",
    "computed_share",
    "conv2d",
    "dense",
    "read_share",
    "static_gmacs",
]
