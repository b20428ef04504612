"""Weights from elsewhere."""

from adafuse_tf.weights.from_pytorch import from_pytorch, initialize_backbone

__all__ = ["from_pytorch", "initialize_backbone"]
