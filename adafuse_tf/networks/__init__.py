"""Image networks as plain Keras models, which know nothing of time."""

from adafuse_tf.networks.bn_inception import BNInception
from adafuse_tf.networks.efficientnet_lite import EfficientNetLite
from adafuse_tf.networks.families import NETWORKS, image_model
from adafuse_tf.networks.resnet import ResNet

__all__ = ["NETWORKS", "BNInception", "EfficientNetLite", "ResNet", "image_model"]
