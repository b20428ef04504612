"""One pass over a data set: what the page says about it and about its videos."""

import dataclasses
from collections.abc import Callable, Iterable

import keras
import numpy as np

from adafuse_tf.report.gallery import Gallery
from adafuse_tf.report.steadiness import Steadiness
from adafuse_tf.training.evaluation import as_numpy, forward_pass
from adafuse_tf.training.tally import Tally
from adafuse_tf.training.view_average import ViewAverage


@dataclasses.dataclass(frozen=True)
class Video:
    """What the model said about one video.

    Attributes:
        label, answer: classes of the model, the true one and the most probable one.
        probability: that of the answer.
        gmacs: mean cost of its views.
    """

    label: int
    answer: int
    probability: float
    gmacs: float

    @property
    def right(self) -> bool:
        """Whether the answer is the label."""
        return self.label == self.answer


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a pass has found.

    Attributes:
        tally: counts over the data set, with arg max policies.
        videos: one by one, in the order of the data set.
        gallery: those to show, with the clips.
        steadiness: how often decisions change.
    """

    tally: Tally
    videos: list[Video]
    gallery: Gallery
    steadiness: Steadiness


def measure(
    model: keras.Model,
    dataset: Iterable,
    num_views: int = 1,
    to_model: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Measured:
    """Runs a classifier over a data set, once.

    Args:
        model: a `VideoClassifier`.
        dataset: batches of `(clips, labels)`, a multiple of `num_views` in each. Of
            each video the first view is the clip that may be shown.
        num_views: views of a video that follow upon each other.
        to_model: translates the data set's labels to the model's classes.

    Raises:
        ValueError: the data set is empty, or a clip has a label that the model does
            not know.
    """
    forward = forward_pass(model)
    tally, average = Tally(model.num_classes, num_views), ViewAverage(num_views)
    videos, gallery, steadiness = [], Gallery(), Steadiness()
    for clips, labels in dataset:
        labels = np.asarray(labels)
        labels = labels if to_model is None else to_model(labels)
        out = as_numpy(forward(clips, {}))
        tally.add(labels, **out)
        steadiness.add(out["policies"])
        of_videos, logs = average.add(labels, out["logits"].astype(np.float64))
        costs = out["gmacs"].reshape(-1, num_views).mean(axis=1)
        first_views = np.asarray(clips)[::num_views]
        for label, log, gmacs, clip in zip(
            of_videos, logs, costs, first_views, strict=True
        ):
            answer = int(np.argmax(log))
            probability = float(np.exp(log[answer]))
            video = Video(int(label), answer, probability, float(gmacs))
            gallery.offer(len(videos), video, clip)
            videos.append(video)
    if not videos:
        raise ValueError("There is nothing to report on. Received: no clips")
    return Measured(tally, videos, gallery, steadiness)
