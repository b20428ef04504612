"""Where a training run is in its data."""

import dataclasses

# Epochs that a seed's runs can have before their batches are those of the next seed.
_EPOCHS = 1_000_003


@dataclasses.dataclass
class Position:
    """Which clips a pass over the data begins with; read when a pass begins.

    The order of the clips and all that is drawn for them are a function of `seed` and
    `epoch`, whatever was read before: a run that goes on meets what it would have met.

    Attributes:
        seed: The seed of the run.
        epoch: Passes that are behind it.
        clips: Clips of the pass that are behind it, damaged ones not counted.
        worker: Which of the processes that share the clips this is.
        num_workers: How many share them.
        share: How many clips in a row one of them has before it is the next one's turn:
            its part of a batch.
    """

    seed: int
    epoch: int = 0
    clips: int = 0
    worker: int = 0
    num_workers: int = 1
    share: int = 1

    def seed_of_pass(self) -> int:
        """A seed for this pass."""
        return self.seed * _EPOCHS + self.epoch

    def clips_behind(self) -> int:
        """How many clips to pass over."""
        return self.clips
