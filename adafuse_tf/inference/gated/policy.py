"""A trained policy network as constants, one decision per group of channels."""

import dataclasses

import numpy as np
import tensorflow as tf

from adafuse_tf.inference.gated.fold import batch_norm_scale
from adafuse_tf.layers import ACTIONS, KEEP, REUSE, SKIP, KeepPolicy, LearnedPolicy


@dataclasses.dataclass(frozen=True)
class GroupPolicy:
    """Scores the three actions of each group of channels of one frame.

    Attributes:
        hidden, hidden_bias: `[I, N]` and `[N]`, normalisation folded in.
        output, output_bias: `[N, G · 3]` and `[G · 3]`.
        groups: Number of groups G.
        group_size: Channels per group.
        remembers: Whether reuse is among the actions, so that the features of the frame
            before are an input.
        pooling: `"average"` or `"max"`.
    """

    hidden: np.ndarray
    hidden_bias: np.ndarray
    output: np.ndarray
    output_bias: np.ndarray
    groups: int
    group_size: int
    remembers: bool
    pooling: str

    def features(self, x):
        """`[N, H, W, C]` to the pooled features `[N, C]`."""
        # Up to two and a half times as fast in LiteRT as `tf.reduce_mean`.
        pool = tf.nn.avg_pool2d if self.pooling == "average" else tf.nn.max_pool2d
        return pool(x, x.shape[1:3], 1, "VALID")[:, 0, 0]

    def scores(self, features, previous):
        """Log-probabilities up to a constant, `[N, G, 3]`."""
        shape = (features.shape[0], self.groups, len(ACTIONS))
        weights = self.hidden, self.hidden_bias, self.output, self.output_bias
        if not all(np.isfinite(w).all() for w in weights):
            # Said here, since runtimes that fuse the ReLU with the product before it
            # take a NaN for zero.
            return tf.fill(shape, float("nan"))
        if self.remembers:
            features = tf.concat([previous, features], axis=-1)
        hidden = tf.matmul(features, tf.constant(self.hidden)) + self.hidden_bias
        scores = tf.matmul(tf.nn.relu(hidden), tf.constant(self.output))
        return tf.reshape(scores + self.output_bias, shape)


@dataclasses.dataclass(frozen=True)
class Decision:
    """What happens to each of G groups of a frame; booleans `[..., G]`.

    Attributes:
        keep, reuse: The action; neither is a skip.
        late: Reused, but not computed for the frame before: the producer owes it.
        read: What the consumer has to read. Less than is kept or reused where a fused
            history is known to be zero.
        missing: State for the next frame: of a raw history what was not computed, of a
            fused one what is zero.
        reasons: What it was decided by, tensors `[1, ...]`. Where one is not finite the
            decision means nothing, see `nan_unless_finite`.
    """

    keep: tf.Tensor
    reuse: tf.Tensor
    late: tf.Tensor
    read: tf.Tensor
    missing: tf.Tensor
    reasons: tuple[tf.Tensor, ...] = ()


def keep_all():
    """The `Decision` of a gate that always keeps, as of one group."""
    yes, no = tf.constant([True]), tf.constant([False])
    return Decision(keep=yes, reuse=no, late=no, read=yes, missing=no)


def decide(scores, missing, fused, reasons=()):
    """Arg max of scores `[..., G, 3]`, ties going to the lower index.

    Args:
        scores: `[..., G, 3]`.
        missing: Booleans `[..., G]` from the decision before.
        fused: Whether the history is fused.
        reasons: See `Decision`.
    """
    skip, reuse, keep = (scores[..., a] for a in (SKIP, REUSE, KEEP))
    keeps = tf.logical_and(keep > skip, keep > reuse)
    reuses = tf.logical_and(reuse > skip, reuse >= keep)
    owed = tf.logical_and(reuses, missing)
    if fused:
        nothing = tf.logical_and(owed, tf.logical_not(owed))
        read = tf.logical_or(keeps, tf.logical_and(reuses, tf.logical_not(missing)))
        missing = tf.logical_not(read)
        return Decision(keeps, reuses, nothing, read, missing, tuple(reasons))
    read = tf.logical_or(keeps, reuses)
    missing = tf.logical_not(keeps)
    return Decision(keeps, reuses, owed, read, missing, tuple(reasons))


def one_hot(decision, channels):
    """A policy `[1, 1, C, 3]`.

    Args:
        decision: `Decision` on groups `[G]` of one frame.
        channels: Their number C, a multiple of G.
    """
    keep, reuse = tf.cast(decision.keep, "float32"), tf.cast(decision.reuse, "float32")
    actions = tf.stack([1.0 - keep - reuse, reuse, keep], axis=-1)
    return tf.repeat(actions, channels // actions.shape[0], axis=0)[None, None]


def nan_unless_finite(decisions):
    """A scalar to add to what follows from decisions: 0, or NaN.

    A comparison with NaN is false, so that decisions hide it.

    Args:
        decisions: Sequence of `Decision`.
    """
    reasons = [tf.reshape(r, (1, -1)) for d in decisions for r in d.reasons]
    if not reasons:
        return 0.0
    # Neither `x != x` nor `0 * x`, which optimisers of graphs may take for granted, nor
    # the negation of a comparison, which they may turn into the opposite one.
    finite = tf.reduce_all(tf.abs(tf.concat(reasons, axis=1)) < float("inf"))
    return tf.where(finite, 0.0, float("nan"))


# What an action that a policy may not take scores.
_NEVER = -1e9


def group_policy(gate):
    """Reads the policy of a trained gate.

    Args:
        gate: `AdaptiveTemporalFusion`, built.

    Returns:
        A `GroupPolicy`; None for a gate that always keeps.

    Raises:
        ValueError: A policy whose decisions need the values that it is to spare.
    """
    policy = gate.policy
    if isinstance(policy, KeepPolicy):
        return None
    if not isinstance(policy, LearnedPolicy):
        raise ValueError(
            "The gated view needs policies that decide before a frame is computed and "
            f"alike in every call. Received: '{gate.name}' with a "
            f"{type(policy).__name__}"
        )
    size = policy.group_size
    before, end = policy.adaptive_channels
    after = policy.channels - end
    if before % size or after % size:
        raise ValueError(
            f"`group_size` must divide the channels that '{gate.name}' always keeps. "
            f"Received: group_size={size}, always kept: {before} and {after}"
        )
    scale, shift = batch_norm_scale(policy.batch_norm)
    hidden = np.float64(policy.hidden_dense.kernel.numpy()) * scale
    hidden_bias = np.float64(policy.hidden_dense.bias.numpy()) * scale + shift
    units, groups = hidden.shape[1], policy.channels // size
    output = np.zeros((units, groups, len(ACTIONS)), "float32")
    bias = np.full((groups, len(ACTIONS)), _NEVER, "float32")
    bias[:, KEEP] = 0.0
    chosen = slice(before // size, end // size)
    columns = [ACTIONS.index(action) for action in policy.actions]
    shape = (policy.num_decisions, len(columns))
    trained = policy.output_dense.kernel.numpy().reshape(units, *shape)
    output[:, chosen, columns] = trained
    bias[chosen, columns] = policy.output_dense.bias.numpy().reshape(shape)
    return GroupPolicy(
        hidden=hidden.astype("float32"),
        hidden_bias=hidden_bias.astype("float32"),
        output=output.reshape(units, -1),
        output_bias=bias.reshape(-1),
        groups=groups,
        group_size=size,
        remembers=policy.sees_previous_frame,
        pooling=policy.pooling,
    )
