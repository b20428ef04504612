"""What the frames of a clip agree on."""

import keras
from keras import ops

from adafuse_tf.layers.contract import require_float32
from adafuse_tf.layers.state import check_state

# A float32 counts no further than 2**24, and what is added to a sum of that many frames
# is lost in it. From this many frames on (ten hours at 30 a second) old ones fade.
MAX_FRAMES = 2**20


@keras.saving.register_keras_serializable(package="adafuse_tf")
class AverageConsensus(keras.layers.Layer):
    """Averages over the frames of a clip (the consensus G of paper Eq. 1), in float32.

    Call arguments:
        x: `[B, T, K]`.
        state: `initial_state(...)` or what the call before returned, for a stream; the
            call then returns `(average, new_state)`, the average over all frames so
            far, or over the last ones with a window. After `MAX_FRAMES` frames without
            a window every new one counts `1 / MAX_FRAMES`, and older ones fade.

    Output shape:
        `[B, K]`.
    """

    def __init__(self, **kwargs):
        super().__init__(**require_float32(type(self), kwargs))

    def build(self, input_shape):
        self.channels = input_shape[-1]

    def initial_state(self, batch_size, window=None):
        """Zero state of a built layer.

        Args:
            batch_size: Number of streams B.
            window: Average over so many last frames; all by default.

        Returns:
            `{"sum": [B, K], "count": [B, 1]}`, or `{"window": [B, W, K], "count": …}`.
        """
        key, frames = ("sum", ()) if window is None else ("window", (window,))
        return {
            key: ops.zeros((batch_size, *frames, self.channels)),
            "count": ops.zeros((batch_size, 1)),
        }

    def call(self, x, state=None):
        if state is None:
            return ops.mean(x, axis=1)
        shapes = {"count": (x.shape[0], 1)}
        if "window" in state:
            shapes["window"] = (x.shape[0], None, self.channels)
        else:
            shapes["sum"] = (x.shape[0], self.channels)
        check_state(state, shapes, self.name)
        count = state["count"] + ops.cast(ops.shape(x)[1], "float32")
        if "window" not in state:
            total = state["sum"] + ops.sum(x, axis=1)
            fade = ops.minimum(count, float(MAX_FRAMES)) / count  # 1 until then
            return total / count, {"sum": total * fade, "count": count * fade}
        length = state["window"].shape[1]
        last = ops.concatenate([state["window"], x], axis=1)[:, -length:]
        count = ops.minimum(count, float(length))
        return ops.sum(last, axis=1) / count, {"window": last, "count": count}

    def compute_output_spec(self, x, state=None):
        y = keras.KerasTensor((x.shape[0], x.shape[-1]), "float32")
        if state is None:
            return y
        return y, {k: keras.KerasTensor(v.shape, v.dtype) for k, v in state.items()}
