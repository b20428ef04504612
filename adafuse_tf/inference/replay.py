"""Runs a classifier with given noise in its policies."""

import numpy as np

from adafuse_tf.graph.keras_graph import run_graph
from adafuse_tf.layers import AdaptiveTemporalFusion, LearnedPolicy


def draw_noise(model, clips, num_frames, seed):
    """Draws Gumbel noise for the learned policies of a model.

    Every clip has its own random stream, so that the actions sampled for it do not
    depend on the batch that it is in.

    Args:
        model: A `VideoClassifier`.
        clips: Iterable of clip numbers, one per row of the batch.
        num_frames: Frames per clip T.
        seed: Integer.

    Returns:
        `dict[str, np.ndarray]` of gate name to float32 `[B, T, decisions, A]`.
    """
    rows = []
    for clip in clips:
        rng = np.random.default_rng([seed, clip])
        rows.append(
            {
                name: rng.gumbel(
                    size=(num_frames, policy.num_decisions, len(policy.actions))
                ).astype("float32")
                for name, policy in learned_policies(model).items()
            }
        )
    names = learned_policies(model)
    return {name: np.stack([row[name] for row in rows]) for name in names}


def learned_policies(model):
    """`dict[str, LearnedPolicy]` by gate name."""
    return {
        name: gate.policy
        for name, gate in model.gates.items()
        if isinstance(gate.policy, LearnedPolicy)
    }


def run_with_noise(view, frames, noise, training=False):
    """Calls `view` with Gumbel noise added to its policies' log-probabilities.

    Args:
        view: A functional model, for instance `model.with_outputs(...)`.
        frames: `[B, T, H, W, 3]`.
        noise: `dict[str, Tensor]` of gate name to `[B, T, decisions, A]`; gates that it
            does not name take the arg max (in training they sample).
        training: As in a Keras call.

    Returns:
        The outputs of `view`.
    """

    def call(layer, *args, **kwargs):
        if isinstance(layer, AdaptiveTemporalFusion) and layer.name in noise:
            kwargs["noise"] = noise[layer.name]
        return layer(*args, **kwargs)

    return run_graph(view, frames, call, training)
