"""An LSTM over frame features, in the layers' contract for streams."""

import keras
from keras import ops

from adafuse_tf.layers.contract import freeze_parts, whole_number
from adafuse_tf.layers.state import check_state


@keras.saving.register_keras_serializable(package="adafuse_tf")
class FrameLSTM(keras.layers.Layer):
    """Runs an LSTM along the frames.

    Args:
        units: Width of the LSTM.

    Call arguments:
        x: `[B, T, C]`.
        state: `{"hidden": [B, units], "cell": [B, units]}` from the call before, for a
            stream; the call then returns `(y, new_state)`.

    Output shape:
        `[B, T, units]`.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = whole_number("units", units)
        self.lstm = keras.layers.LSTM(
            units, return_sequences=True, return_state=True, dtype=self.dtype_policy,
            name="lstm",
        )  # fmt: skip

    def build(self, input_shape):
        self.lstm.build(input_shape)
        freeze_parts(self)

    def initial_state(self, batch_size):
        """Zero state."""
        shape = (batch_size, self.units)
        return {key: ops.zeros(shape, self.compute_dtype) for key in ("hidden", "cell")}

    def call(self, x, state=None, training=None):
        if state is None:
            return self.lstm(x, training=training)[0]
        shape = (x.shape[0], self.units)
        check_state(state, {"hidden": shape, "cell": shape}, self.name)
        past = [ops.cast(state[key], x.dtype) for key in ("hidden", "cell")]
        y, hidden, cell = self.lstm(x, initial_state=past, training=training)
        return y, {"hidden": hidden, "cell": cell}

    def compute_output_spec(self, x, state=None, training=None):
        y = keras.KerasTensor((*x.shape[:2], self.units), self.compute_dtype)
        if state is None:
            return y
        return y, {k: keras.KerasTensor(v.shape, v.dtype) for k, v in state.items()}

    def get_config(self):
        return {**super().get_config(), "units": self.units}
