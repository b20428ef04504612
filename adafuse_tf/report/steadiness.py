"""How often the decisions of gates change."""

from collections.abc import Mapping

import numpy as np


class Steadiness:
    """Tells channels that always decide alike from those that look at the video."""

    def __init__(self):
        self._num_clips = 0
        # Gate -> how often each channel took each action `[C, 3]`, and in how many
        # clips it took the same one in all frames `[C]`.
        self._actions: dict[str, np.ndarray] = {}
        self._same: dict[str, np.ndarray] = {}

    def add(self, policies: Mapping[str, np.ndarray]) -> None:
        """Adds a batch.

        Args:
            policies: gate -> one-hot `[B, T, C, 3]`.
        """
        for gate, policy in policies.items():
            same = (policy == policy[:, :1]).all(axis=(1, 3)).sum(axis=0)
            actions = policy.sum(axis=(0, 1), dtype=np.float64)
            self._same[gate] = self._same.get(gate, 0) + same
            self._actions[gate] = self._actions.get(gate, 0) + actions
        self._num_clips += max(map(len, policies.values()), default=0)

    def per_gate(self) -> dict[str, dict[str, float]]:
        """Shares of a gate's channels, every clip counting alike.

        `always`: one action in all frames of all clips. `clip`: one action in all
        frames of a clip, another in other clips. `frame`: it changes within the clip.
        """
        return {gate: self._shares([gate]) for gate in self._same}

    def overall(self) -> dict[str, float] | None:
        """The same over all gates, every channel counting alike; None without gates."""
        return self._shares(list(self._same)) if self._same else None

    def _shares(self, gates) -> dict[str, float]:
        actions = np.concatenate([self._actions[gate] for gate in gates])
        same = np.concatenate([self._same[gate] for gate in gates])
        always = float(np.mean(actions.max(axis=1) == actions.sum(axis=1)))
        frame = float(1 - np.mean(same) / self._num_clips)
        return {"always": always, "clip": max(0.0, 1 - always - frame), "frame": frame}
