"""Which videos of a data set to show."""

import heapq

import numpy as np

# Videos of each group.
NUM_COSTS, NUM_MISTAKES, NUM_EXAMPLES = 3, 4, 8


class Gallery:
    """Keeps the clips worth showing; memory does not grow with the data set.

    Attributes:
        most, least: videos by cost, the extreme ones first.
        mistakes: wrong answers, the most confident first.
        examples: the first right answer of each of the first classes.
    """

    def __init__(self):
        self.most, self.least = Ranking(NUM_COSTS), Ranking(NUM_COSTS)
        self.mistakes = Ranking(NUM_MISTAKES)
        self.examples = Ranking(NUM_EXAMPLES)
        self._classes: set[int] = set()

    def offer(self, number: int, video, clip: np.ndarray) -> None:
        """Takes a video in, if it is among those to show.

        Args:
            number: its place in the data set.
            video: a `Video`.
            clip: what the model saw, `[T, H, W, 3]`.
        """
        self.most.offer(video.gmacs, number, clip)
        self.least.offer(-video.gmacs, number, clip)
        if not video.right:
            self.mistakes.offer(video.probability, number, clip)
        elif video.label not in self._classes:
            self._classes.add(video.label)
            self.examples.offer(-video.label, number, clip)

    def clips(self) -> dict[int, np.ndarray]:
        """All clips of all groups by number."""
        groups = (self.most, self.least, self.mistakes, self.examples)
        return {number: clip for group in groups for number, clip in group.items()}


class Ranking:
    """The clips with the highest keys; of equal ones those that came first.

    Args:
        size: how many to keep.
    """

    def __init__(self, size: int):
        self._size = size
        self._heap: list[tuple[float, int, np.ndarray]] = []

    def offer(self, key: float, number: int, clip: np.ndarray) -> None:
        """Takes a clip in, if it is among the highest so far."""
        # Numbers differ, so that clips are never compared.
        if len(self._heap) == self._size and (key, -number) < self._heap[0][:2]:
            return
        # A copy, because the clip is part of a whole batch.
        heapq.heappush(self._heap, (key, -number, clip.copy()))
        if len(self._heap) > self._size:
            heapq.heappop(self._heap)

    def items(self) -> list[tuple[int, np.ndarray]]:
        """Number and clip, the highest key first."""
        ranked = sorted(self._heap, key=lambda entry: entry[:2], reverse=True)
        return [(-negative, clip) for _, negative, clip in ranked]

    def numbers(self) -> list[int]:
        """Numbers of the clips, the highest key first."""
        return [number for number, _ in self.items()]
