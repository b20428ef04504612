"""Cross-entropy and accuracy for labels as training batches have them."""

import keras

from adafuse_tf.losses import LabelSmoothingCrossentropy
from adafuse_tf.training.config import TaskConfig


def cross_entropy(task: TaskConfig) -> keras.losses.Loss:
    """The loss between logits `[B, K]` and labels.

    Labels are integers `[B]`, or with mixup float `[B, K]`, shares of the classes.
    """
    smoothing = task.label_smoothing
    if has_soft_labels(task):
        return keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=smoothing
        )
    if smoothing:
        return LabelSmoothingCrossentropy(smoothing)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def top1(task: TaskConfig) -> keras.metrics.Metric:
    """Share of the clips whose greatest logit is their label.

    With mixup it is the label with the greatest share that counts.
    """
    if has_soft_labels(task):
        return keras.metrics.CategoricalAccuracy(name="top1")
    return keras.metrics.SparseCategoricalAccuracy(name="top1")


def has_soft_labels(task: TaskConfig) -> bool:
    """Whether the labels of training batches are shares of the classes."""
    return task.train_data.augmentation.mixup_alpha > 0
