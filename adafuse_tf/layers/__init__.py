"""The method as Keras layers, usable alone in any Keras model."""

from adafuse_tf.layers.actions import ACTIONS, KEEP, REUSE, SKIP
from adafuse_tf.layers.adaptive_temporal_fusion import AdaptiveTemporalFusion
from adafuse_tf.layers.consensus import AverageConsensus
from adafuse_tf.layers.fixed_policies import (
    FixedPolicy,
    KeepPolicy,
    RandomPolicy,
    ThresholdPolicy,
)
from adafuse_tf.layers.learned_policy import LearnedPolicy
from adafuse_tf.layers.per_frame import FoldTime, PerFrame, UnfoldTime
from adafuse_tf.layers.recurrence import FrameLSTM
from adafuse_tf.layers.straight_through import gumbel_noise
from adafuse_tf.layers.temporal_shift import TemporalShift

__all__ = [
    "ACTIONS",
    "KEEP",
    "REUSE",
    "SKIP",
    "AdaptiveTemporalFusion",
    "AverageConsensus",
    "FixedPolicy",
    "FoldTime",
    "FrameLSTM",
    "KeepPolicy",
    "LearnedPolicy",
    "PerFrame",
    "RandomPolicy",
    "TemporalShift",
    "ThresholdPolicy",
    "UnfoldTime",
    "gumbel_noise",
]
