"""The cost of a clip as a layer, so that it can be a model's output."""

import dataclasses

import keras
from keras import ops

from adafuse_tf.costs.macs import clip_gmacs
from adafuse_tf.costs.operation import Operation


@keras.saving.register_keras_serializable(package="adafuse_tf")
class ClipCost(keras.layers.Layer):
    """GMACs of each clip under its policies.

    The cost is an output, not an `add_loss`: losses added inside layers mix replicas
    up under `MirroredStrategy` with synchronised batch normalisation.

    Args:
        operations: Sequence of `Operation`, the static cost table.
        histories: `dict[str, str]` of gate name to `"raw"` or `"fused"`.

    Call arguments:
        frames: The clip `[B, T, H, W, C]`; only its shape is used.
        policies: `dict[str, Tensor]` of gate name to one-hot `[B, T, C, 3]`; empty for
            a network without gates.

    Output shape:
        `[B]`, float32, GMACs per clip.
    """

    def __init__(self, operations, histories=None, **kwargs):
        kwargs["dtype"] = "float32"
        kwargs["autocast"] = False  # the frames' values do not matter
        super().__init__(**kwargs)
        self.operations = tuple(
            op if isinstance(op, Operation) else Operation(**op) for op in operations
        )
        self.histories = dict(histories or {})

    def call(self, frames, policies):
        batch, num_frames, height, width = ops.shape(frames)[:4]
        cost = clip_gmacs(self.operations, policies, height, width, self.histories)
        if not len(getattr(cost, "shape", ())):
            cost = cost * ops.ones((batch, num_frames), "float32")
        return ops.sum(cost, axis=1)

    def compute_output_shape(self, frames_shape, policies_shape=None):
        return (frames_shape[0],)

    def get_config(self):
        config = super().get_config()
        config["operations"] = [dataclasses.asdict(op) for op in self.operations]
        config["histories"] = self.histories
        return config
