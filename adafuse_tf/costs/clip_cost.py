"""The cost of a clip as a layer, so that it can be a model's output."""

import dataclasses

import keras
from keras import ops

from adafuse_tf.costs.macs import Streamed, clip_gmacs, gates_between
from adafuse_tf.costs.operation import Operation
from adafuse_tf.costs.shares import skipped_channels, streamed_idle
from adafuse_tf.layers.contract import require_float32
from adafuse_tf.layers.previous_frame import previous_frame
from adafuse_tf.layers.state import check_state


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
        state: `initial_state(...)` or that of the call before, to go on with a stream;
            the call then returns `(cost, new_state)`, the cost of these frames alone.
            Over any split of a clip the costs add up to the clip's.

    Output shape:
        `[B]`, float32, GMACs per clip.
    """

    def __init__(self, operations, histories=None, **kwargs):
        # The frames' values do not matter.
        kwargs = {**require_float32(type(self), kwargs), "autocast": False}
        super().__init__(**kwargs)
        self.operations = tuple(
            op if isinstance(op, Operation) else Operation(**op) for op in operations
        )
        self.histories = dict(histories or {})
        self._between = gates_between(self.operations)

    def build(self, frames_shape, policies_shape=None):
        self.channels = {gate: s[-2] for gate, s in (policies_shape or {}).items()}

    @property
    def state_shapes(self):
        """Shapes of the state, `None` for the batch (built layer)."""
        shapes = {gate: (None, channels) for gate, channels in self.channels.items()}
        for gate in self._between:
            shapes[f"{gate}/skipped"] = shapes[gate]
        return shapes

    def initial_state(self, batch_size):
        """Zero state (built layer)."""
        return {
            key: ops.zeros((batch_size, channels), "float32")
            for key, (_, channels) in self.state_shapes.items()
        }

    def call(self, frames, policies, state=None):
        batch, num_frames, height, width = ops.shape(frames)[:4]
        streamed, new_state = None, {}
        if state is not None:
            check_state(state, self.state_shapes, self.name)
            streamed, new_state = self._stream(policies, state)
        cost = clip_gmacs(
            self.operations, policies, height, width, self.histories, streamed
        )
        if not len(getattr(cost, "shape", ())):
            cost = cost * ops.ones((batch, num_frames), "float32")
        cost = ops.sum(cost, axis=1)
        return cost if state is None else (cost, new_state)

    def _stream(self, policies, state):
        streamed, new_state = Streamed({}, {}, {}), {}
        for gate, policy in policies.items():
            policy = ops.cast(policy, "float32")
            history = self.histories.get(gate, "raw")
            streamed.idle[gate], streamed.late[gate], new_state[gate] = streamed_idle(
                policy, state[gate], history
            )
            if gate in self._between:
                key = f"{gate}/skipped"
                streamed.skipped_before[gate], new_state[key] = previous_frame(
                    skipped_channels(policy), state[key]
                )
        return streamed, new_state

    def compute_output_shape(self, frames_shape, policies_shape=None):
        return (frames_shape[0],)

    def get_config(self):
        config = super().get_config()
        config["operations"] = [dataclasses.asdict(op) for op in self.operations]
        config["histories"] = self.histories
        return config
