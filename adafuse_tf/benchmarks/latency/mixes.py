"""Decisions drawn to published mixes, to time a network without training it."""

import numpy as np

from adafuse_tf.layers import ACTIONS

# Shares of (skip, reuse, keep) that AdaFuse-TSN-R50 was published with.
MIXES = {
    "all keep": (0.0, 0.0, 1.0),
    "something-v1": (0.37, 0.26, 0.37),
    "something-v2": (0.60, 0.17, 0.23),
    "jester": (0.71, 0.11, 0.18),
}


def draw_actions(groups, num_frames, mix, seed=0):
    """Draws an action per frame and group of channels, each on its own.

    Args:
        groups: `dict[str, int]` of gate name to its number of groups G.
        num_frames: Number of frames N.
        mix: Probabilities of (skip, reuse, keep).
        seed: Seed of the draws.

    Returns:
        `dict[str, np.ndarray]` of gate name to indices into `ACTIONS`, int32 `[N, G]`.
    """
    rng = np.random.default_rng(seed)
    return {
        gate: rng.choice(len(ACTIONS), size=(num_frames, count), p=mix).astype("int32")
        for gate, count in groups.items()
    }
