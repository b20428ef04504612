"""The video classifier: a lifted image network, consensus, streams, presets."""

from adafuse_tf.models.presets import PRESETS
from adafuse_tf.models.video_classifier import VideoClassifier

__all__ = ["PRESETS", "VideoClassifier"]
