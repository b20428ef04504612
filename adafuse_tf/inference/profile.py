"""What a model does with clips, and what that costs."""

import dataclasses
import weakref

import numpy as np
import tensorflow as tf

from adafuse_tf import costs
from adafuse_tf.inference.checks import check_clips
from adafuse_tf.inference.replay import draw_noise, run_with_noise
from adafuse_tf.layers import ACTIONS


@dataclasses.dataclass(frozen=True)
class Profile:
    """Answers, decisions and costs for N clips.

    Attributes:
        logits: `[N, K]` float32.
        policies: Gate name to action index `[N, T, C]`, 0 skip, 1 reuse, 2 keep.
        gmacs: `[N]` GMACs per clip, exact (the `"macs"` convention).
        authors_gflops: `base`, `upb` and `real` per clip of T frames, averaged over the
            clips, as the released code counts them (frames of 224 x 224 pixels).
        shares: Gate name to the shares `{"skip", "reuse", "keep"}`.
    """

    logits: np.ndarray
    policies: dict[str, np.ndarray]
    gmacs: np.ndarray
    authors_gflops: dict[str, float]
    shares: dict[str, dict[str, float]]

    @property
    def policy_mix(self):
        """Shares over all gates, every channel counting once; empty without gates."""
        counts = sum((_counts(p) for p in self.policies.values()), np.zeros(3))
        total = counts.sum()
        return dict(zip(ACTIONS, counts / total, strict=True)) if total else {}


def profile(model, clips, batch_size=8, seed=None, noise=None):
    """Runs a classifier on clips and reports what it decided and what that cost.

    Args:
        model: A `VideoClassifier`.
        clips: `[N, T, H, W, 3]`: floats that have gone through `model.preprocessing`,
            or uint8 frames.
        batch_size: Clips per call.
        seed: Actions are sampled with Gumbel noise of this seed. By default they are
            the arg max, and the result is deterministic.
        noise: `dict[str, np.ndarray]` of gate name to Gumbel noise
            `[N, T, decisions, A]` to replay, instead of a seed.

    Returns:
        A `Profile`.

    Raises:
        ValueError: Clips of another rank, or with NaN; noise for an unknown gate.
    """
    clips = check_clips(clips)
    if seed is not None and noise is not None:
        raise ValueError("Give `seed` or `noise`, not both.")
    unknown = sorted(set(noise or {}) - set(model.gates))
    if unknown:
        raise ValueError(
            f"`noise` must be for the gates {list(model.gates)}. Received: {unknown}"
        )
    for gate, values in (noise or {}).items():
        if np.shape(values)[:2] != clips.shape[:2]:
            raise ValueError(
                f"`noise` of '{gate}' must begin with [N, T] = {clips.shape[:2]}. "
                f"Received: shape={np.shape(values)}"
            )
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be >= 1. Received: {batch_size}")
    run = _compiled(model)
    parts = []
    for start in range(0, len(clips), batch_size):
        part = slice(start, min(start + batch_size, len(clips)))
        if seed is not None:
            numbers = range(part.start, part.stop)
            batch_noise = draw_noise(model, numbers, clips.shape[1], seed)
        else:
            batch_noise = {k: np.float32(v[part]) for k, v in (noise or {}).items()}
        out = run(
            tf.constant(clips[part]),
            {k: tf.constant(v) for k, v in batch_noise.items()},
        )
        parts.append(tf.nest.map_structure(lambda t: t.numpy(), out))
    merged = tf.nest.map_structure(lambda *p: np.concatenate(p), *parts)
    one_hot = merged["policies"]
    histories = {name: gate.history for name, gate in model.gates.items()}
    gflops = costs.authors_gflops(model.cost_table, one_hot, histories=histories)
    policies = {k: np.argmax(p, -1).astype("int32") for k, p in one_hot.items()}
    return Profile(
        logits=merged["logits"],
        policies=policies,
        gmacs=merged["gmacs"],
        authors_gflops={k: float(v) * clips.shape[1] for k, v in gflops.items()},
        shares={k: _shares(p) for k, p in policies.items()},
    )


# Traced once per model: that takes longer than many a profile.
_functions = weakref.WeakKeyDictionary()


def _compiled(model):
    if model not in _functions:
        # The view, not the model: the entry must not keep its own key alive.
        view = model.with_outputs("logits", "gmacs", "policies")
        _functions[model] = tf.function(
            lambda clips, noise: run_with_noise(view, view.as_input(clips), noise),
            reduce_retracing=True,
            autograph=False,
        )
    return _functions[model]


def _counts(policy):
    return np.bincount(policy.ravel(), minlength=3).astype("float64")


def _shares(policy):
    shares = _counts(policy) / policy.size
    return {action: float(s) for action, s in zip(ACTIONS, shares, strict=True)}
