"""Counts over the clips of a data set, and the metrics they amount to."""

from collections.abc import Iterable

import numpy as np

from adafuse_tf.layers.actions import KEEP, REUSE, SKIP
from adafuse_tf.training.view_average import ViewAverage

TOP = 5


class Tally:
    """Adds up a model's answers batch by batch; memory does not grow with the clips.

    Args:
        num_classes: number of classes, K.
        num_views: answers that are one clip's, V. They follow upon each other, and the
            mean of their probabilities is the answer that counts.
    """

    def __init__(self, num_classes: int, num_views: int = 1):
        self.confusion = np.zeros((num_classes, num_classes), np.int64)
        self.num_clips = 0
        self.num_views = 0
        self._views = ViewAverage(num_views)
        self._top = 0
        self._loss = 0.0
        self._gmacs = 0.0
        # Gate name -> decisions [T, C, 3] by action, in the order (skip, reuse, keep).
        self._actions: dict[str, np.ndarray] = {}

    def add(
        self,
        labels: np.ndarray,
        logits: np.ndarray,
        gmacs: np.ndarray,
        policies: dict[str, np.ndarray],
    ) -> None:
        """Adds a batch of views, which may end in the middle of a clip's.

        Args:
            labels: int `[B]`.
            logits: float `[B, K]`.
            gmacs: float `[B]`, GMACs per view.
            policies: gate -> one-hot `[B, T, C, 3]`.

        Raises:
            ValueError: logits that are not finite.
        """
        if not np.isfinite(logits).all():
            raise ValueError(
                "The model's logits are not finite; its weights are spoilt. "
                f"Received: logits with {np.sum(~np.isfinite(logits))} such values"
            )
        self._gmacs += float(np.sum(gmacs))
        self.num_views += len(labels)
        for gate, policy in policies.items():
            self._actions[gate] = self._actions.get(gate, 0.0) + _counts(policy)
        labels, logits = self._views.add(labels, logits.astype(np.float64))
        right = logits[np.arange(len(labels)), labels]
        # Classes that beat the right one; a tie goes to the lower index, as arg max.
        beaten_by = np.sum(logits > right[:, None], axis=1)
        tied = (logits == right[:, None]) & (
            np.arange(logits.shape[1]) < labels[:, None]
        )
        self._top += int(np.sum(beaten_by + tied.sum(axis=1) < TOP))
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(shifted).sum(axis=1))
        self._loss += float(np.sum(log_sum - shifted[np.arange(len(labels)), labels]))
        np.add.at(self.confusion, (labels, logits.argmax(axis=1)), 1)
        self.num_clips += len(labels)

    @property
    def top1(self) -> float:
        """Share of clips whose class has the highest logit."""
        return float(np.trace(self.confusion)) / self.num_clips

    @property
    def top5(self) -> float:
        """Share of clips whose class is among the five highest logits."""
        return self._top / self.num_clips

    @property
    def loss(self) -> float:
        """Mean cross-entropy, without label smoothing."""
        return self._loss / self.num_clips

    @property
    def gmacs(self) -> float:
        """Mean GMACs per view."""
        return self._gmacs / self.num_views

    def policy_per_channel(self) -> dict[str, np.ndarray]:
        """Shares `[T, C, 3]` of skip, reuse and keep by gate, frame and channel."""
        return {
            gate: counts / counts.sum(axis=-1, keepdims=True)
            for gate, counts in self._actions.items()
        }

    def policy_per_gate(self) -> dict[str, dict[str, float]]:
        """Shares of keep, reuse and skip by gate."""
        return {gate: _shares(_totals(n)) for gate, n in self._actions.items()}

    def policy(self) -> dict[str, float] | None:
        """Shares over all gates, every channel counting alike; None without gates."""
        if not self._actions:
            return None
        return _shares(sum(_totals(counts) for counts in self._actions.values()))

    def per_class(self, labels: list[str]) -> dict[str, dict]:
        """Clips and top-1 (recall) by class; None for a class without clips."""
        counts = self.confusion.sum(axis=1)
        hits = np.diag(self.confusion)
        return {
            label: {
                "num_clips": int(count),
                "top1": float(hit / count) if count else None,
            }
            for label, count, hit in zip(labels, counts, hits, strict=True)
        }


def action_shares(policies: Iterable[np.ndarray]) -> dict[str, float] | None:
    """Shares of keep, reuse and skip over one-hot policies; None without any."""
    counts = [_totals(_counts(policy)) for policy in policies]
    return _shares(sum(counts)) if counts else None


def _counts(policy: np.ndarray) -> np.ndarray:
    """Decisions `[T, C, 3]` of a batch `[B, T, C, 3]`."""
    return policy.sum(axis=0, dtype=np.float64)


def _totals(counts: np.ndarray) -> np.ndarray:
    return counts.sum(axis=(0, 1))


def _shares(counts: np.ndarray) -> dict[str, float]:
    shares = counts / counts.sum()
    names = {"keep": KEEP, "reuse": REUSE, "skip": SKIP}
    return {name: float(shares[index]) for name, index in names.items()}
