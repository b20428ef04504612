"""Average cost as a metric."""

import keras


@keras.saving.register_keras_serializable(package="adafuse_tf")
class MeanGMACs(keras.metrics.Mean):
    """Mean GMACs per clip, for `compile(metrics={"gmacs": MeanGMACs()})`."""

    def __init__(self, name="per_clip", **kwargs):
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Takes `[B]` GMACs per clip; `y_true` is ignored."""
        return super().update_state(y_pred, sample_weight)
