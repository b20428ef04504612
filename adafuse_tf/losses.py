"""Losses of published recipes; a model that has one is saved and trains on."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="adafuse_tf")
class LabelSmoothingCrossentropy(keras.losses.Loss):
    """Cross-entropy between logits and integer labels that are not quite trusted.

    `keras.losses.SparseCategoricalCrossentropy` has no label smoothing, and
    `CategoricalCrossentropy` takes no integers.

    Args:
        label_smoothing: The share of each label that is spread evenly over all classes,
            in [0, 1).
        name, reduction, dtype: See `keras.losses.Loss`.

    Call arguments:
        y_true: Labels `[B]` or `[B, 1]`.
        y_pred: Logits `[B, K]`.

    Raises:
        ValueError: `label_smoothing` out of its range.
    """

    def __init__(
        self,
        label_smoothing=0.1,
        name="label_smoothing_crossentropy",
        reduction="sum_over_batch_size",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                "`label_smoothing` must be in [0, 1). "
                f"Received: label_smoothing={label_smoothing}"
            )
        self.label_smoothing = float(label_smoothing)

    def call(self, y_true, y_pred):
        labels = ops.one_hot(ops.reshape(y_true, (-1,)), y_pred.shape[-1])
        return keras.losses.categorical_crossentropy(
            labels, y_pred, from_logits=True, label_smoothing=self.label_smoothing
        )

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
