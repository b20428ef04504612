"""One answer from several views of a clip."""

import numpy as np


class ViewAverage:
    """Averages the probabilities of the views of each clip.

    Args:
        num_views: views per clip, V; they follow upon each other, through the batches.
    """

    def __init__(self, num_views: int):
        self._num_views = num_views
        self._labels: np.ndarray | None = None
        self._logits: np.ndarray | None = None

    def add(
        self, labels: np.ndarray, logits: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Adds views; the first ones of a clip wait for the others.

        Args:
            labels: int `[B]`.
            logits: float `[B, K]`.

        Returns:
            The label `[N]` and the logarithm of the mean probabilities `[N, K]` of each
            clip that is complete now.

        Raises:
            ValueError: views of one clip have different labels.
        """
        if self._labels is not None:
            labels = np.concatenate([self._labels, labels])
            logits = np.concatenate([self._logits, logits])
        complete = len(labels) // self._num_views * self._num_views
        self._labels, self._logits = labels[complete:], logits[complete:]
        labels = labels[:complete].reshape(-1, self._num_views)
        if (labels != labels[:, :1]).any():
            raise ValueError(
                "Views of one clip must have one label; is the number of views right? "
                f"Received: num_views={self._num_views}, labels={labels.tolist()}"
            )
        shape = (len(labels), self._num_views, logits.shape[1])
        views = logits[:complete].reshape(shape)
        return labels[:, 0], _log_mean_probability(views)


def _log_mean_probability(logits: np.ndarray) -> np.ndarray:
    """`log(mean(softmax(logits), axis=1))` of `[N, V, K]`."""
    logs = logits - _log_sum(logits, axis=2)
    return (_log_sum(logs, axis=1) - np.log(logits.shape[1]))[:, 0]


def _log_sum(values: np.ndarray, axis: int) -> np.ndarray:
    most = values.max(axis=axis, keepdims=True)
    return most + np.log(np.exp(values - most).sum(axis=axis, keepdims=True))
