"""The policy network: which channels to keep, reuse or skip."""

import keras
from keras import ops

from adafuse_tf.layers.actions import ACTIONS, KEEP, check_actions, pad_actions
from adafuse_tf.layers.contract import (
    derive_seed,
    freeze_parts,
    require_float32,
    serialize_part,
    whole_number,
)
from adafuse_tf.layers.previous_frame import previous_frame
from adafuse_tf.layers.state import check_state
from adafuse_tf.layers.straight_through import (
    gumbel_noise,
    one_hot_argmax,
    show_nan,
    softmax,
    straight_through_argmax,
)

POOLINGS = ("average", "max")
# Hidden units per channel of the producer by default: the paper's 1024 for 512.
HIDDEN_PER_CHANNEL = 2


@keras.saving.register_keras_serializable(package="adafuse_tf")
class LearnedPolicy(keras.layers.Layer):
    """Two dense layers that choose an action per frame and channel (paper Eq. 7-8).

    Pooled features of the previous and of this frame, `[v_{t-1}, v_t]`, go through
    Dense, BatchNormalization, ReLU and Dense. In training the action is drawn by the
    straight-through Gumbel-softmax; at inference it is the arg max, so that the same
    clip always gives the same answer; a NaN in it makes the policy of that frame NaN.
    Everything is computed in float32, whatever the precision of the model,
    and `model.quantize` leaves policies as they are.

    Args:
        hidden_units: Width of the hidden layer; by default `2 C'` for a producer of
            `C'` channels, which is the paper's 1024 for the last stage of a ResNet.
        hidden_quota: Instead of `hidden_units`: the hidden layer gets
            `hidden_quota // C'` units.
        actions: What to choose from: `("skip", "reuse", "keep")` (the method), or its
            ablations `("reuse", "keep")` and `("skip", "keep")`. Without `"reuse"` the
            network sees the current frame alone.
        group_size: Number of neighbouring channels that share one decision.
        adaptive_range: `(start, end)` as shares of the channels: only these choose,
            the others are always kept.
        pooling: `"average"` or `"max"` over the image.
        temperature: Initial τ of the softmax that gradients pass through.
        noise_scale: Initial factor on the Gumbel noise in training. 1 samples from the
            policy, 0 takes its arg max. Both are non-trainable scalar variables of the
            layer, `temperature` and `noise_scale`, to be scheduled with `assign`.
        seed: Seed of the noise in training.
        hidden_dense, output_dense: `keras.layers.Dense` layers to use instead of own
            ones. Give the same layers to several policies of equal shapes to share
            their weights. A `VideoClassifier` shares them after `clone_model`, too; for
            other models take `model.from_config(model.get_config())`, since Keras
            clones layers one by one.

    Call arguments:
        x: The producer's input `[B, T, H, W, C]`.
        y: The producer's activated output `[B, T, H', W', C']`; only its shape is used.
        state: `{"features": [B, C]}` float32, or `None` at the start of a clip. Given,
            the call returns a second value, the new state. Without `"reuse"` among the
            actions the state is empty.
        noise: Gumbel noise `[B, T, C' // group_size, A]` added to the log-probabilities
            instead of drawn noise, in training and at inference. With only a part of
            the channels adaptive, the third dimension counts the groups among these.

    Returns:
        One-hot tensor `[B, T, C', 3]`, float32, in the order (skip, reuse, keep).

    Raises:
        ValueError: An option out of its range, or channels that `group_size` does not
            divide.
    """

    def __init__(
        self,
        hidden_units=None,
        hidden_quota=None,
        actions=ACTIONS,
        group_size=1,
        adaptive_range=(0.0, 1.0),
        pooling="average",
        temperature=0.67,
        noise_scale=1.0,
        seed=None,
        hidden_dense=None,
        output_dense=None,
        **kwargs,
    ):
        super().__init__(**require_float32(type(self), kwargs))
        if hidden_units is not None and hidden_quota is not None:
            raise ValueError(
                "Give `hidden_units` or `hidden_quota`, not both. Received: "
                f"hidden_units={hidden_units}, hidden_quota={hidden_quota}"
            )
        if hidden_units is not None:
            hidden_units = whole_number("hidden_units", hidden_units)
        if hidden_quota is not None:
            hidden_quota = whole_number("hidden_quota", hidden_quota)
        start, end = adaptive_range
        if not 0 <= start < end <= 1:
            raise ValueError(
                "`adaptive_range` must be (start, end) with 0 <= start < end <= 1. "
                f"Received: adaptive_range={adaptive_range}"
            )
        if not temperature > 0 or noise_scale < 0:
            raise ValueError(
                "`temperature` must be positive and `noise_scale` at least 0. "
                f"Received: temperature={temperature}, noise_scale={noise_scale}"
            )
        if pooling not in POOLINGS:
            raise ValueError(
                f"`pooling` must be one of {POOLINGS}. Received: pooling={pooling!r}"
            )
        self.hidden_units = hidden_units
        self.hidden_quota = hidden_quota
        self.actions = check_actions(actions)
        self.group_size = whole_number("group_size", group_size)
        self.adaptive_range = (float(start), float(end))
        self.pooling = pooling
        self.initial_temperature = float(temperature)
        self.initial_noise_scale = float(noise_scale)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.hidden_dense = hidden_dense
        self.output_dense = output_dense
        self._given_dense = (hidden_dense, output_dense)

    def build(self, x_shape, y_shape):
        self.feature_channels = x_shape[-1]
        self.channels = y_shape[-1]
        start, end = (round(share * self.channels) for share in self.adaptive_range)
        self.adaptive_channels = (start, end)
        if (end - start) % self.group_size or end == start:
            raise ValueError(
                f"`group_size` must divide the adaptive channels of '{self.name}'. "
                f"Received: group_size={self.group_size}, channels={end - start}"
            )
        self.num_decisions = (end - start) // self.group_size
        inputs = self.feature_channels * (2 if self.sees_previous_frame else 1)
        outputs = self.num_decisions * len(self.actions)
        hidden = self._hidden_width()
        if self.hidden_dense is None:
            self.hidden_dense = keras.layers.Dense(
                hidden,
                kernel_initializer=near_zero(self.seed, 1),
                dtype="float32",
                name="hidden",
            )
        if self.output_dense is None:
            self.output_dense = keras.layers.Dense(
                outputs,
                kernel_initializer=near_zero(self.seed, 2),
                dtype="float32",
                name="output",
            )
        self.batch_norm = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, dtype="float32", name="batch_norm"
        )
        self._build_dense(self.hidden_dense, inputs, hidden)
        self.batch_norm.build((None, None, hidden))
        self._build_dense(self.output_dense, hidden, outputs)
        self.temperature = self._scalar("temperature", self.initial_temperature)
        self.noise_scale = self._scalar("noise_scale", self.initial_noise_scale)
        freeze_parts(self)

    def _hidden_width(self):
        if self.hidden_dense is not None:
            return self.hidden_dense.units
        return hidden_width(self.channels, self.hidden_units, self.hidden_quota)

    def _build_dense(self, dense, inputs, outputs):
        # In 8 bits some decisions would be others; Keras asks the layers one by one.
        dense.quantize = _stay_in_float32
        if not dense.built:
            dense.build((None, None, inputs))
        if tuple(dense.kernel.shape) != (inputs, outputs):
            raise ValueError(
                f"'{self.name}' needs a shared Dense of kernel shape "
                f"{(inputs, outputs)}. Received: {tuple(dense.kernel.shape)}"
            )

    def _scalar(self, name, value):
        return self.add_weight(
            name=name,
            shape=(),
            initializer=keras.initializers.Constant(value),
            trainable=False,
        )

    @property
    def sees_previous_frame(self):
        """Whether `v_{t-1}` is an input; only then is there a state."""
        return "reuse" in self.actions

    @property
    def state_shapes(self):
        """Shapes of the state, `None` for the batch (built layer)."""
        if not self.sees_previous_frame:
            return {}
        return {"features": (None, self.feature_channels)}

    @property
    def costs(self):
        """What it costs per frame itself (built layer).

        Returns:
            Rows `(part, macs, authors)`: multiply-accumulates, and operations as the
            released code counts them, both of a MAC and two per normalised value.
        """
        inputs, hidden = self.hidden_dense.kernel.shape
        outputs = self.output_dense.kernel.shape[1]
        return [
            ("hidden", inputs * hidden, 2 * inputs * hidden),
            ("bn", 0, 2 * hidden),
            ("output", hidden * outputs, 2 * hidden * outputs),
        ]

    def log_probabilities(self, x, state=None, training=None):
        """Log of the action probabilities (paper Eq. 7).

        Returns:
            A tuple `(log_p, new_state)`; `log_p` is `[B, T, decisions, A]` float32.
        """
        features, new_state = self._features(x, state)
        hidden = self.batch_norm(self.hidden_dense(features), training=training)
        q = self.output_dense(ops.relu(hidden))
        shape = (*ops.shape(q)[:2], self.num_decisions, len(self.actions))
        log_p = ops.log(ops.maximum(softmax(ops.reshape(q, shape)), 1e-8))
        # Looked for here, since activations, exponentials and maxima of some runtimes
        # make numbers of NaN.
        seen = ops.sum(hidden, axis=-1) + ops.sum(q, axis=-1)
        seen = ops.expand_dims(seen, (2, 3)) + ops.zeros_like(log_p)
        return show_nan(log_p, seen), new_state

    def _features(self, x, state):
        pool = ops.mean if self.pooling == "average" else ops.max
        current = pool(ops.cast(x, "float32"), axis=(2, 3))
        if not self.sees_previous_frame:
            return current, {}
        past = None if state is None else state["features"]
        previous, last = previous_frame(current, past)
        # The previous frame comes first, as in the authors' checkpoints.
        return ops.concatenate([previous, current], axis=-1), {"features": last}

    def call(self, x, y, state=None, noise=None, training=None):
        if state is not None:
            check_state(state, self.state_shapes, self.name)
        log_p, new_state = self.log_probabilities(x, state, training)
        if noise is not None:
            self._check_noise(noise)
            scores = log_p + ops.cast(noise, "float32")
        elif training:
            scores = log_p + self.noise_scale * gumbel_noise(
                ops.shape(log_p), self.seed_generator
            )
        else:
            scores = log_p
        if training:
            choice = straight_through_argmax(scores, self.temperature)
        else:
            choice = one_hot_argmax(scores)
        policy = self._per_channel(pad_actions(choice, self.actions))
        return policy if state is None else (policy, new_state)

    def _check_noise(self, noise):
        expected = (self.num_decisions, len(self.actions))
        if tuple(noise.shape[2:]) != expected:
            raise ValueError(
                f"`noise` of '{self.name}' must be [B, T, {expected[0]}, "
                f"{expected[1]}]. Received: shape={tuple(noise.shape)}"
            )

    def _per_channel(self, choice):
        """Spreads decisions `[B, T, G, 3]` over the channels `[B, T, C', 3]`."""
        if self.group_size > 1:
            choice = ops.repeat(choice, self.group_size, axis=2)
        start, end = self.adaptive_channels
        if end - start == self.channels:
            return choice
        always = ops.one_hot([KEEP], len(ACTIONS), dtype="float32")
        always = ops.zeros_like(choice[:, :, :1]) + always
        return ops.concatenate(
            [
                ops.repeat(always, start, axis=2),
                choice,
                ops.repeat(always, self.channels - end, axis=2),
            ],
            axis=2,
        )

    def compute_output_shape(self, x_shape, y_shape, noise_shape=None):
        return (*y_shape[:2], y_shape[-1], len(ACTIONS))

    def get_config(self):
        config = super().get_config()
        hidden_dense, output_dense = self._given_dense
        config.update(
            hidden_units=self.hidden_units,
            hidden_quota=self.hidden_quota,
            actions=list(self.actions),
            group_size=self.group_size,
            adaptive_range=list(self.adaptive_range),
            pooling=self.pooling,
            temperature=self.initial_temperature,
            noise_scale=self.initial_noise_scale,
            seed=self.seed,
            hidden_dense=_serialize_shared(hidden_dense),
            output_dense=_serialize_shared(output_dense),
        )
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for key in ("hidden_dense", "output_dense"):
            if config.get(key) is not None:
                config[key] = keras.saving.deserialize_keras_object(config[key])
        return cls(**config)


def hidden_width(channels, hidden_units=None, hidden_quota=None):
    """Units of the hidden layer for a producer of `channels` channels."""
    if hidden_quota is not None:
        return max(1, hidden_quota // channels)
    return hidden_units or HIDDEN_PER_CHANNEL * channels


def near_zero(seed, which):
    """Initial weights that make a policy start uniform; `which` of its layers."""
    # Each layer needs its own seed, or both would start from the same numbers.
    return keras.initializers.RandomNormal(stddev=0.001, seed=derive_seed(seed, which))


def _stay_in_float32(*args, **kwargs):
    raise NotImplementedError("Policies decide in float32 and are not quantized.")


def _serialize_shared(layer):
    """Serializes a layer so that every policy that names it gets the same one back."""
    if layer is None:
        return None
    config = serialize_part(layer)
    # Keras sets this mark from the second mention on, but loses it for the first one
    # where the layer is nested in another layer's config.
    config["shared_object_id"] = id(layer)
    return config
