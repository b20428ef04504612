"""Policies that are not learned, for ablations and as baselines."""

import keras
from keras import ops

from adafuse_tf.layers.actions import ACTIONS, KEEP
from adafuse_tf.layers.contract import require_float32
from adafuse_tf.layers.straight_through import (
    gumbel_noise,
    one_hot_argmax,
    show_nan,
)


class FixedPolicy(keras.layers.Layer):
    """Base of the policies without weights; a subclass gives `choose`.

    Called like `LearnedPolicy`; their state is empty.

    Attributes:
        actions: What it chooses from; without "reuse" a gate keeps no history.
        streams: Whether the decisions do not depend on how a clip is split.
        sees_output: Whether they depend on the producer's output, so that a skipped
            channel must be computed all the same.
        costs: What it costs per frame itself, rows `(part, macs, authors)` as those of
            `LearnedPolicy`.
    """

    actions = ACTIONS
    sees_output = False
    state_shapes = {}
    streams = True
    costs = ()

    def __init__(self, **kwargs):
        super().__init__(**require_float32(type(self), kwargs))

    def build(self, x_shape, y_shape):
        self.channels = y_shape[-1]

    def call(self, x, y, state=None, noise=None, training=None):
        if state is not None and not self.streams:
            raise ValueError(
                f"{type(self).__name__} cannot stream: its draws would start anew with "
                "every call. Give it whole clips."
            )
        if noise is not None:
            raise ValueError(
                f"{type(self).__name__} takes no noise; only LearnedPolicy does. "
                f"Received: noise of shape {tuple(noise.shape)}"
            )
        policy = self.choose(x, y, training)
        return policy if state is None else (policy, {})

    def compute_output_shape(self, x_shape, y_shape, noise_shape=None):
        return (*y_shape[:2], y_shape[-1], len(ACTIONS))


@keras.saving.register_keras_serializable(package="adafuse_tf")
class KeepPolicy(FixedPolicy):
    """Keeps every channel of every frame: the plain network."""

    actions = ("keep",)

    def choose(self, x, y, training):
        """All keep, `[B, T, C', 3]`."""
        shape = (*ops.shape(y)[:2], self.channels, len(ACTIONS))
        keep = ops.one_hot([KEEP], len(ACTIONS), dtype="float32")
        return ops.broadcast_to(keep, shape)


@keras.saving.register_keras_serializable(package="adafuse_tf")
class RandomPolicy(FixedPolicy):
    """Draws every action at random with fixed probabilities ("Random" in Table 1).

    Args:
        ratios: Probabilities of (skip, reuse, keep); they sum to 1.
        seed: Seed of the draws. At inference every call starts from this seed, so that
            a batch always gives the same answer; a stream is therefore refused.

    Raises:
        ValueError: `ratios` are not three probabilities.
    """

    streams = False

    def __init__(self, ratios=(0.37, 0.26, 0.37), seed=0, **kwargs):
        super().__init__(**kwargs)
        ratios = tuple(float(r) for r in ratios)
        if len(ratios) != 3 or min(ratios) < 0 or abs(sum(ratios) - 1) > 1e-6:
            raise ValueError(
                "`ratios` must be the three probabilities (skip, reuse, keep) and sum "
                f"to 1. Received: ratios={ratios}"
            )
        self.ratios = ratios
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_jit = False  # XLA draws other numbers from the same seed

    def choose(self, x, y, training):
        """Independent draws per clip, frame and channel, `[B, T, C', 3]`."""
        shape = (*ops.shape(y)[:2], self.channels, len(ACTIONS))
        noise = gumbel_noise(shape, self.seed_generator if training else self.seed)
        log_p = ops.log(ops.convert_to_tensor(self.ratios, dtype="float32") + 1e-30)
        return one_hot_argmax(log_p + noise)

    def get_config(self):
        config = super().get_config()
        config.update(ratios=list(self.ratios), seed=self.seed)
        return config


@keras.saving.register_keras_serializable(package="adafuse_tf")
class ThresholdPolicy(FixedPolicy):
    """Skips channels whose mean activation is small ("Threshold" in Table 1).

    A channel is kept where its mean over the image is at least `threshold` times the
    mean of the strongest channel of that frame, and skipped elsewhere.

    Args:
        threshold: Share in [0, 1].

    Raises:
        ValueError: `threshold` outside [0, 1].
    """

    actions = ("skip", "keep")
    sees_output = True

    def __init__(self, threshold=0.1, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= threshold <= 1:
            raise ValueError(
                f"`threshold` must be in [0, 1]. Received: threshold={threshold!r}"
            )
        self.threshold = float(threshold)

    def choose(self, x, y, training):
        """Keep or skip by magnitude, `[B, T, C', 3]`."""
        strength = ops.mean(ops.abs(ops.cast(y, "float32")), axis=(2, 3))
        strongest = ops.max(strength, axis=-1, keepdims=True)
        keep = ops.cast(strength >= self.threshold * strongest, "float32")
        keep = show_nan(ops.stop_gradient(keep), strength)
        return ops.stack([1.0 - keep, ops.zeros_like(keep), keep], axis=-1)

    def get_config(self):
        config = super().get_config()
        config["threshold"] = self.threshold
        return config
