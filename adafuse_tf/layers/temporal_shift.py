"""Temporal shift (TSM, Lin et al., ICCV 2019)."""

import keras
from keras import ops

from adafuse_tf.layers.contract import whole_number
from adafuse_tf.layers.previous_frame import previous_frame
from adafuse_tf.layers.state import check_state
from adafuse_tf.layers.time_slice import drop_first

MODES = ("bidirectional", "causal")


@keras.saving.register_keras_serializable(package="adafuse_tf")
class TemporalShift(keras.layers.Layer):
    """Exchanges a share of the channels between neighbouring frames.

    With `fold = C // fold_divisor`, `"bidirectional"` gives the first `fold` channels
    the values of frame `t + 1` and the next `fold` those of frame `t - 1`; `"causal"`
    gives the first `fold` channels those of frame `t - 1` and needs no future. Outside
    the clip frames are zero.

    Args:
        mode: `"bidirectional"` or `"causal"`.
        fold_divisor: Channels are shifted in folds of `C // fold_divisor`.

    Call arguments:
        x: Tensor `[B, T, H, W, C]`.
        state: `{"shifted": [B, H, W, fold]}` from the call before, for a stream in
            causal mode; the call then returns `(y, new_state)`.

    Output shape:
        As the input.

    Raises:
        ValueError: Unknown mode, too few channels, or a state in bidirectional mode.
    """

    def __init__(self, mode="bidirectional", fold_divisor=8, **kwargs):
        super().__init__(**kwargs)
        if mode not in MODES:
            raise ValueError(f"`mode` must be one of {MODES}. Received: mode={mode!r}")
        self.mode = mode
        self.fold_divisor = whole_number("fold_divisor", fold_divisor, minimum=2)

    def build(self, input_shape):
        if len(input_shape) != 5 or input_shape[-1] is None:
            raise ValueError(
                "TemporalShift needs an input [B, T, H, W, C] with a known C. "
                f"Received: shape={tuple(input_shape)}"
            )
        self.fold = input_shape[-1] // self.fold_divisor
        if self.fold < 1:
            raise ValueError(
                f"`fold_divisor`={self.fold_divisor} leaves nothing to shift. "
                f"Received an input of {input_shape[-1]} channels"
            )

    def initial_state(self, batch_size, height, width):
        """Zero state for streams of frames of `height` x `width` pixels (built layer).

        Returns:
            `{"shifted": [batch_size, height, width, fold]}` in the compute dtype.
        """
        self._require_causal()
        shape = (batch_size, height, width, self.fold)
        return {"shifted": ops.zeros(shape, self.compute_dtype)}

    def call(self, x, state=None):
        n = self.fold
        if self.mode == "causal":
            past = None
            if state is not None:
                expected = (x.shape[0], *x.shape[2:4], n)
                check_state(state, {"shifted": expected}, self.name)
                past = state["shifted"]
            fold, rest = ops.split(x, [n], axis=-1)
            shifted, last = previous_frame(fold, past)
            y = ops.concatenate([shifted, rest], axis=-1)
            return y if state is None else (y, {"shifted": last})
        if state is not None:
            self._require_causal()
        future, past, rest = ops.split(x, [n, 2 * n], axis=-1)
        following = ops.concatenate(
            [drop_first(future), ops.zeros_like(future[:, :1])], axis=1
        )
        previous, _ = previous_frame(past)
        return ops.concatenate([following, previous, rest], axis=-1)

    def _require_causal(self):
        if self.mode != "causal":
            raise ValueError(
                f"'{self.name}' shifts in both directions: its output needs the next "
                "frame, so it cannot stream. Use mode='causal'."
            )

    def compute_output_spec(self, x, state=None):
        y = keras.KerasTensor(x.shape, dtype=self.compute_dtype)
        if state is None:
            return y
        shape = (x.shape[0], *x.shape[2:4], self.fold)
        return y, {"shifted": keras.KerasTensor(shape, dtype=self.compute_dtype)}

    def get_config(self):
        config = super().get_config()
        config.update(mode=self.mode, fold_divisor=self.fold_divisor)
        return config
