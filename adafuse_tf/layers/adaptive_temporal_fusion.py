"""The gate of AdaFuse (Meng et al., ICLR 2021, arXiv 2102.05775)."""

import keras
from keras import ops

from adafuse_tf.layers.actions import ACTIONS
from adafuse_tf.layers.contract import freeze_parts, serialize_part
from adafuse_tf.layers.fusion import HISTORIES, fuse
from adafuse_tf.layers.learned_policy import LearnedPolicy
from adafuse_tf.layers.state import check_state


@keras.saving.register_keras_serializable(package="adafuse_tf")
class AdaptiveTemporalFusion(keras.layers.Layer):
    """Keeps, reuses or skips each channel of each frame between two convolutions.

    Put it between a convolution (the producer, with its normalisation and activation)
    and the next one (the consumer). Per frame and channel a policy chooses to *keep*
    the value, to *reuse* that of the previous frame, or to *skip* the channel:
    `ỹ_t = 1[keep]·y_t + 1[reuse]·y_{t-1}` (paper Eq. 3).

    Args:
        policy: A policy layer; `LearnedPolicy()` by default. `KeepPolicy`,
            `RandomPolicy` and `ThresholdPolicy` are there for ablations.
        history: `"raw"`: reuse takes the previous frame's producer output, as in the
            paper. `"fused"`: it takes what the gate emitted for that frame.

    Call arguments:
        x: The producer's input `[B, T, H, W, C]`.
        y: The producer's activated output `[B, T, H', W', C']`.
        state: What the call before returned, or `initial_state(...)`, to go on with a
            stream: `{"history": [B, H', W', C'], "features": [B, C]}`. Any T may
            follow, also 1; the results are those of the undivided clip.
        noise: Gumbel noise for the policy, see `LearnedPolicy`.
        training: Whether to sample actions (through the straight-through
            Gumbel-softmax) and to use batch statistics in the policy.

    Returns:
        `(fused, policy)`: the map for the consumer, of the shape and dtype of `y`, and
        the one-hot policy `[B, T, C', 3]` in float32, in the order (skip, reuse, keep).
        With a `state`, `(fused, policy, new_state)`.

    Raises:
        ValueError: Inputs that are not of rank 5 or differ in their frames, a state of
            another layer, an unknown `history`.

    Reference:
        Y. Meng et al., "AdaFuse: Adaptive Temporal Fusion Network for Efficient Action
        Recognition", ICLR 2021.

    Example:

    ```python
    frames = keras.Input((8, 32, 32, 3))
    x = PerFrame(keras.layers.Conv2D(16, 3, 2, activation="relu"))(frames)
    y = PerFrame(keras.layers.Conv2D(32, 3, padding="same", activation="relu"))(x)
    fused, policy = AdaptiveTemporalFusion()(x, y)
    z = PerFrame(keras.layers.Conv2D(64, 3, 2, activation="relu"))(fused)
    model = keras.Model(frames, keras.layers.GlobalAveragePooling3D()(z))
    ```
    """

    def __init__(self, policy=None, history="raw", **kwargs):
        # Inputs are cast where they are used: the policy and its state stay float32.
        super().__init__(autocast=False, **kwargs)
        if history not in HISTORIES:
            raise ValueError(
                f"`history` must be one of {HISTORIES}. Received: history={history!r}"
            )
        if policy is not None and not isinstance(policy, keras.layers.Layer):
            raise TypeError(
                "`policy` must be a policy layer such as LearnedPolicy(). "
                f"Received: policy={policy!r}"
            )
        self.policy = LearnedPolicy(name="policy") if policy is None else policy
        self.history = history

    def build(self, x_shape, y_shape):
        for name, shape in (("x", x_shape), ("y", y_shape)):
            if len(shape) != 5 or shape[-1] is None:
                raise ValueError(
                    f"`{name}` must be [B, T, H, W, C] with a known C. "
                    f"Received: {name}.shape={tuple(shape)}"
                )
        frames = (x_shape[1], y_shape[1])
        if None not in frames and frames[0] != frames[1]:
            raise ValueError(
                "`x` and `y` must have the same number of frames T. "
                f"Received: x.shape={tuple(x_shape)}, y.shape={tuple(y_shape)}"
            )
        self.channels = y_shape[-1]
        if not self.policy.built:
            self.policy.build(x_shape, y_shape)
        freeze_parts(self)

    @property
    def remembers(self):
        """Whether there is a history at all; `("skip", "keep")` needs none."""
        return "reuse" in self.policy.actions

    def initial_state(self, batch_size, height, width):
        """Zero state of a built gate whose `y` is `height` x `width` pixels.

        Returns:
            A dict of tensors as described under `state`; empty where the policy never
            reuses.
        """
        state = {}
        if self.remembers:
            shape = (batch_size, height, width, self.channels)
            state["history"] = ops.zeros(shape, self.compute_dtype)
        for key, shape in self.policy.state_shapes.items():
            state[key] = ops.zeros((batch_size, *shape[1:]), "float32")
        return state

    def call(self, x, y, state=None, noise=None, training=None):
        y = ops.cast(y, self.compute_dtype)
        if state is None:
            policy = self.policy(x, y, noise=noise, training=training)
            return fuse(y, policy, self.history)[0], policy
        expected = {
            k: (x.shape[0], *s[1:]) for k, s in self.policy.state_shapes.items()
        }
        if self.remembers:
            expected["history"] = (y.shape[0], *y.shape[2:])
        check_state(state, expected, self.name)
        past = dict(state)
        history = past.pop("history", None)
        policy, new_state = self.policy(
            x, y, state=past, noise=noise, training=training
        )
        fused, last = fuse(y, policy, self.history, history)
        if self.remembers:
            new_state = {**new_state, "history": last}
        return fused, policy, new_state

    def compute_output_spec(self, x, y, state=None, noise=None, training=None):
        fused = keras.KerasTensor(y.shape, dtype=self.compute_dtype)
        shape = (*y.shape[:2], y.shape[-1], len(ACTIONS))
        policy = keras.KerasTensor(shape, dtype="float32")
        if state is None:
            return fused, policy
        return (
            fused,
            policy,
            {
                key: keras.KerasTensor(value.shape, dtype=value.dtype)
                for key, value in state.items()
            },
        )

    def get_config(self):
        config = super().get_config()
        config["policy"] = serialize_part(self.policy)
        config["history"] = self.history
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["policy"] = keras.saving.deserialize_keras_object(config["policy"])
        return cls(**config)
