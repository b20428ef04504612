"""Damaged clips: named, counted, skipped up to a number, or the end of it."""

import contextlib
import sys
import threading
from collections.abc import Iterator

import tensorflow as tf


class DataError(ValueError):
    """A damaged item that cannot be put up with; the message names it."""


class BadItems:
    """Notes the damaged items of each pass over the data.

    Each is named on stderr once. One more in a pass than `max_bad` is an error.

    Args:
        max_bad: How many damaged items to skip per pass. A record file that breaks
            off counts as one, however many clips are lost with its end.
        beside: Another such object for the same clips; what it has named is not
            named again.

    Attributes:
        skipped: What is wrong, by name, of the present or else the last pass.
        lost_clips: Clips that the same pass missed at the ends of damaged files.
        error: Why the data ended early, `None` when it did not.
    """

    def __init__(self, max_bad: int = 0, beside: "BadItems | None" = None):
        if max_bad < 0:
            raise ValueError(f"`max_bad` must be >= 0. Received: max_bad={max_bad}")
        self.max_bad = max_bad
        self.skipped: dict[str, str] = {}
        self.lost_clips = 0
        self.error: DataError | None = None
        self._named: set[str] = beside._named if beside else set()
        self._lock = threading.Lock()

    def counts(self) -> dict[str, int]:
        """How much was left out in this pass, for a log."""
        return {"bad_items": len(self.skipped), "lost_clips": self.lost_clips}

    def begin_pass(self) -> None:
        """Forgets the counts of the pass before."""
        with self._lock:
            self.skipped, self.lost_clips, self.error = {}, 0, None

    def add(self, name: str, cause: str) -> None:
        """Notes an item; a second time in one pass changes nothing."""
        with self._lock:
            self.skipped.setdefault(name, cause)
            if self.error is None and len(self.skipped) > self.max_bad:
                self.error = DataError(
                    f"Cannot read {name}: {cause}. Repair or remove it, or let more "
                    f"damaged items be skipped. Received: max_bad={self.max_bad}"
                )
            if self.error is None and name not in self._named:
                self._named.add(name)
                print(f"Skipped {name}: {cause}", file=sys.stderr, flush=True)

    def check(self) -> None:
        """Raises DataError if there are too many."""
        if self.error is not None:
            raise self.error


@contextlib.contextmanager
def clear_errors(*collections: BadItems) -> Iterator[None]:
    """Raises the `DataError` where TensorFlow reports that a dataset has failed."""
    try:
        yield
    except tf.errors.OpError:
        for bad_items in collections:
            if bad_items.error is not None:
                raise bad_items.error from None
        raise
