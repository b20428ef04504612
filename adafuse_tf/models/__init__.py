"""Networks: backbones with gates, the classifier, presets by name."""

from adafuse_tf.models.presets import PRESETS
from adafuse_tf.models.resnet import ResNet
from adafuse_tf.models.video_classifier import VideoClassifier

__all__ = ["PRESETS", "ResNet", "VideoClassifier"]
