"""What is on the page, before it is laid out."""

import dataclasses

import numpy as np

from adafuse_tf.data import Preprocessing
from adafuse_tf.report.measuring import Measured


@dataclasses.dataclass(frozen=True)
class Shown:
    """A video to show.

    Attributes:
        frames: what the model saw, uint8 `[T, H, W, 3]`.
        policies: gate -> action index `[T, C]`.
        gmacs: cost of each frame `[T]`; what a frame reuses is counted where it was
            computed, with the frame before.
    """

    frames: np.ndarray
    policies: dict[str, np.ndarray]
    gmacs: np.ndarray


@dataclasses.dataclass(frozen=True)
class Videos:
    """What only the videos themselves can tell.

    Attributes:
        measured: answers, costs and decisions.
        names: of all videos, in order.
        shown: those of the gallery by their number.
        num_views: views of each video.
    """

    measured: Measured
    names: list[str]
    shown: dict[int, Shown]
    num_views: int


@dataclasses.dataclass(frozen=True)
class Content:
    """A page.

    Attributes:
        name: of the run.
        preset, preprocessing, labels, gates: of its model; `gates` are names.
        checkpoint: `last` or `best`.
        metrics: as `training.evaluate` returns them; `top1_sampled` may be None.
        where: the videos that the metrics are of, in words.
        notes: what to know before reading.
        videos: None where they are not there.
        history: a dict per epoch, see `metrics.jsonl`.
        params: the text of `params.yaml`.
    """

    name: str
    preset: str
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    gates: tuple[str, ...]
    checkpoint: str
    metrics: dict
    where: str
    notes: tuple[str, ...]
    videos: Videos | None
    history: list[dict]
    params: str
