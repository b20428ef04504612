"""A trained classifier that computes only what its policies ask for."""

import numpy as np
import tensorflow as tf

from adafuse_tf.costs import static_gmacs
from adafuse_tf.inference.gated.block import block_state_shapes, run_block
from adafuse_tf.inference.gated.frame_cost import frame_gmacs
from adafuse_tf.inference.gated.gate import Mechanism
from adafuse_tf.inference.gated.plan import read_network
from adafuse_tf.inference.gated.policy import keep_all, nan_unless_finite, one_hot
from adafuse_tf.inference.gated.stem import run_head, run_stem
from adafuse_tf.layers import ACTIONS
from adafuse_tf.layers.state import check_state
from adafuse_tf.models import streaming

OUTPUTS = ("logits", "gmacs", "policies")


class GatedView:
    """The same function as a classifier's `step`, without what is not needed.

    Its computation is plain TensorFlow with the weights as constants, so that a
    `tf.function` around `step` exports to SavedModel and LiteRT. Any number of threads
    may share a view, each with a state of its own.

    Where the features or a score of a policy network are NaN, so is all that is said of
    the frame: logits, cost and policies.

    Args:
        model: A `VideoClassifier` whose gates decide in groups of channels.
        mechanisms: How the convolutions of the gates save: a `Mechanism` for all, or
            a `dict[str, Mechanism]` by gate name; see `choose_mechanisms`.
        drawn: `dict[str, np.ndarray]` of gate name to integer actions `[N, G]` to take
            instead of the policy's, frame after frame and then from the start; the
            policies are computed nevertheless. To measure how time depends on the
            decisions.

    Raises:
        ValueError: The model cannot be computed that way, `mechanisms` do not name its
            gates, or `drawn` has another shape.
    """

    def __init__(self, model, mechanisms=None, drawn=None):
        self.network = read_network(model)
        self.mechanisms = self._per_gate(mechanisms or Mechanism())
        self._cost_table = model.cost_table
        self._preprocessing = model.preprocessing
        self._drawn = None if drawn is None else _nudges(self.gates, drawn)
        self.model = model
        # Of all gates, those that always keep as well.
        self._channels = {name: gate.channels for name, gate in model.gates.items()}
        self._compiled = {}
        self._known_shapes = {}
        self._consensus = model.get_layer("consensus")
        self.num_classes = model.num_classes

    @property
    def gates(self):
        """`dict[str, GroupPolicy]` in network order, without those that always keep."""
        blocks = self.network.blocks
        return {b.name: b.policy for b in blocks if b.policy is not None}

    def initial_state(
        self, batch_size, height=None, width=None, window=None, dtype=None
    ):
        """The state that streams start with; all zeros.

        Args:
            batch_size: Number of streams B.
            height, width: Size of the frames in pixels; by default that of the model's
                preprocessing.
            window: The logits are averaged over so many last frames; all by default.
            dtype: Store feature maps as `"float16"`, for half the size and rounded
                results; `"float32"` by default.

        Returns:
            `dict[str, Tensor]`.

        Raises:
            ValueError: A size that is no positive integer, another dtype, or a `tile`
                that does not fit its gate.
        """
        streaming.check_sizes(batch_size=batch_size)
        state = self._zeros(batch_size, height, width, window)
        return state if dtype is None else streaming.store_maps(state, dtype)

    def _zeros(self, batch_size, height, width, window=None):
        shapes = self.state_shapes(height, width, window)
        return {k: tf.zeros((batch_size, *shape)) for k, shape in shapes.items()}

    def state_shapes(self, height=None, width=None, window=None):
        """Shapes of the state without the batch, `dict[str, tuple]`.

        Args:
            height, width, window: See `initial_state`.

        Raises:
            ValueError: One that is no positive integer.
        """
        size = (height, width, window)
        if size not in self._known_shapes:  # every step asks
            self._known_shapes[size] = self._state_shapes(*size)
        return dict(self._known_shapes[size])

    def _state_shapes(self, height, width, window):
        crop = self._preprocessing.crop
        size = [crop if pixels is None else pixels for pixels in (height, width)]
        streaming.check_sizes(height=size[0], width=size[1])
        if window is not None:
            streaming.check_sizes(window=window)
        consensus = self._consensus.initial_state(1, window)
        shapes = {f"consensus/{k}": tuple(v.shape[1:]) for k, v in consensus.items()}
        if self._drawn is not None:
            shapes["drawn/frame"] = (1,)
        for block, x_shape in self.block_inputs(*size):
            shapes |= block_state_shapes(
                block, self.mechanisms.get(block.name), x_shape
            )
        return shapes

    def step(self, frames, state, reset=None, outputs=("logits", "gmacs")):
        """The next frames of each stream.

        Args:
            frames: `[B, k, H, W, 3]`, floats or uint8 as for a call of the model; H and
                W static.
            state: `initial_state(...)` or what the step before returned.
            reset: Boolean `[B]`; these streams start anew with this step.
            outputs: Any of `"logits"` `[B, K]`, `"gmacs"` `[B]` and `"policies"` (dict
                of gate name to one-hot `[B, k, C, 3]`, of every gate of the model).

        Returns:
            `(outputs, state)` as `VideoClassifier.step`. Each stream of a batch is
            computed on its own, so that a batch saves what its streams save.

        Raises:
            ValueError: Frames, state or `reset` of another shape, unknown outputs.
            TypeError: Frames that are neither floats nor uint8, a state that is no dict
                of floats.
        """
        frames = tf.convert_to_tensor(frames)
        unknown = sorted(set(outputs) - set(OUTPUTS))
        if unknown or not outputs:
            raise ValueError(
                f"`outputs` must be among {OUTPUTS}. Received: {list(outputs)}"
            )
        shape = frames.shape
        if len(shape) != 5 or shape[-1] != 3 or None in shape[2:] or 0 in shape:
            raise ValueError(
                "A step takes frames [B, k, H, W, 3], H and W known. "
                f"Received: shape={tuple(shape)}"
            )
        frames = tf.cast(self.model.as_input(frames), tf.float32)
        shape = frames.shape
        window = streaming.window_of(state, "the gated view")
        shapes = self.state_shapes(*shape[2:4], window)
        check_state(
            state, {k: (shape[0], *s) for k, s in shapes.items()}, "the gated view"
        )
        if reset is not None:
            reset = streaming.check_reset(reset, shape[0])
        if tf.inside_function():
            return self._run(frames, dict(state), reset, outputs)
        # One operation at a time, the weights would become constants in every call.
        # Of each size a function of its own: only numbers of frames and streams may
        # become unknown in it.
        key = (tuple(outputs), *shape[2:4], window)
        if key not in self._compiled:
            run = tf.function(
                lambda frames, state, reset: self._run(frames, state, reset, key[0]),
                reduce_retracing=True,
                autograph=False,
            )
            # The first of several threads makes the one that all of them trace.
            self._compiled.setdefault(key, run)
        return self._compiled[key](frames, dict(state), reset)

    def clip(self, clips, outputs=("logits", "gmacs")):
        """Whole clips, each a stream that starts anew.

        Args:
            clips: `[B, T, H, W, 3]` as the frames of `step`.
            outputs: As in `step`.

        Returns:
            The outputs of `step`.

        Raises:
            ValueError, TypeError: As `step`.
        """
        clips = self.model.as_input(tf.convert_to_tensor(clips))
        batch = tf.shape(clips)[0] if clips.shape[0] is None else clips.shape[0]
        state = self._zeros(batch, *clips.shape[2:4])
        return self.step(clips, state, outputs=outputs)[0]

    def _per_gate(self, mechanisms):
        if isinstance(mechanisms, Mechanism):
            return dict.fromkeys(self.gates, mechanisms)
        if set(mechanisms) != set(self.gates):
            raise ValueError(
                f"`mechanisms` must name the gates {list(self.gates)}. "
                f"Received: {sorted(mechanisms)}"
            )
        return dict(mechanisms)

    def dense_gmacs(self, height, width):
        """GMACs per frame with all channels kept, policy networks included.

        Args:
            height, width: Size of the frame in pixels.
        """
        return float(static_gmacs(self._cost_table, height, width))

    def block_inputs(self, height, width):
        """Yields each block with the shape `(H, W, C)` of its input.

        Args:
            height, width: Size of the frames in pixels.
        """
        size = -(-height // 4), -(-width // 4)
        channels = len(self.network.stem.bias)
        for block in self.network.blocks:
            yield block, (*size, channels)
            for conv in block.convs:
                size = conv.output_size(*size)
            channels = len(block.convs[-1].bias)

    def _run(self, frames, state, reset, outputs):
        if reset is not None:
            state = streaming.clear(state, reset)
        run = self._run_stream if frames.shape[0] == 1 else self._run_batch
        past = {key: tf.cast(value, "float32") for key, value in state.items()}
        results, new = run(frames, past, outputs)
        return results, {k: tf.cast(v, state[k].dtype) for k, v in new.items()}

    def _run_batch(self, frames, state, outputs):
        def stream(args):
            frames, state = tf.nest.map_structure(lambda t: t[None], args)
            results = self._run_stream(frames, state, outputs)
            return tf.nest.map_structure(lambda t: t[0], results)

        count = frames.shape[1]  # None where it is not known yet
        results = {
            "logits": tf.TensorSpec((self.num_classes,)),
            "gmacs": tf.TensorSpec(()),
            "policies": {
                gate: tf.TensorSpec((count, channels, len(ACTIONS)))
                for gate, channels in self._channels.items()
            },
        }
        signature = (
            {name: results[name] for name in outputs},
            {k: tf.TensorSpec(v.shape[1:], v.dtype) for k, v in state.items()},
        )
        return tf.map_fn(stream, (frames, state), fn_output_signature=signature)

    def _run_stream(self, frames, state, outputs):
        """`[1, k, H, W, 3]` frame by frame."""
        if frames.shape[1] == 1:
            return self._run_frame(frames[:, 0], state, outputs)
        count = frames.shape[1] or tf.shape(frames)[1]
        so_far = {
            "logits": tf.zeros((1, self.num_classes)),
            "gmacs": tf.zeros((1,)),
            "policies": {
                gate: tf.TensorArray("float32", count) for gate in self._channels
            },
        }
        so_far = {name: so_far[name] for name in outputs}

        def body(t, so_far, state):
            new, state = self._run_frame(frames[:, t], state, outputs)
            if "gmacs" in new:
                new["gmacs"] += so_far["gmacs"]
            if "policies" in new:
                new["policies"] = {
                    gate: so_far["policies"][gate].write(t, policy[0, 0])
                    for gate, policy in new["policies"].items()
                }
            return t + 1, new, state

        _, result, state = tf.while_loop(
            lambda t, *_: t < count, body, (0, so_far, state), maximum_iterations=count
        )
        if "policies" in outputs:
            arrays = result["policies"].items()
            result["policies"] = {gate: array.stack()[None] for gate, array in arrays}
        return result, state

    def _run_frame(self, frame, state, outputs):
        """One frame `[1, H, W, 3]`."""
        network, new_state, decisions = self.network, {}, {}
        nudges = {}
        if self._drawn is not None:
            nudges, new_state["drawn/frame"] = self._next_drawn(state["drawn/frame"])
        x = run_stem(network, frame)
        for block in network.blocks:
            x, new, decision = run_block(
                block, self.mechanisms.get(block.name), x, state, nudges.get(block.name)
            )
            new_state |= new
            if decision is not None:
                decisions[block.name] = decision
        decisions = {gate: decisions.get(gate) or keep_all() for gate in self._channels}
        no_answer = nan_unless_finite(decisions.values())
        logits = run_head(network, x) + no_answer
        prefix = "consensus/"
        own = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
        average, own = self._consensus(logits[:, None], state=own)
        new_state |= {prefix + key: value for key, value in own.items()}
        result = {}
        if "logits" in outputs:
            result["logits"] = average
        if "gmacs" in outputs:
            gmacs = frame_gmacs(self._cost_table, decisions, *frame.shape[1:3])
            result["gmacs"] = gmacs + no_answer
        if "policies" in outputs:
            result["policies"] = {
                gate: one_hot(decision, self._channels[gate]) + no_answer
                for gate, decision in decisions.items()
            }
        return result, {key: new_state[key] for key in state}

    def _next_drawn(self, position):
        count = len(self._drawn)
        index = tf.cast(position[0, 0], "int32") % count
        row = tf.gather(tf.constant(self._drawn), index)
        sizes = [policy.groups for policy in self.gates.values()]
        parts = tf.split(row, sizes)
        # From the start again: a float32 counts no further than 2**24.
        following = tf.cast((index + 1) % count, "float32")
        nudges = dict(zip(self.gates, parts, strict=True))
        return nudges, tf.reshape(following, (1, 1))


def _nudges(gates, drawn):
    """Scores so high that the drawn actions win, `[N, groups of all gates, 3]`."""
    tables = []
    for gate, policy in gates.items():
        actions = np.asarray(drawn[gate])
        if actions.ndim != 2 or actions.shape[1] != policy.groups:
            raise ValueError(
                f"Drawn actions of '{gate}' must be [N, {policy.groups}]. "
                f"Received: shape={actions.shape}"
            )
        tables.append(np.eye(len(ACTIONS), dtype="float32")[actions] * 1e6)
    return np.concatenate(tables, axis=1)
