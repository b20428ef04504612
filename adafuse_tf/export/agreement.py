"""How far an exported model answers and decides as the Keras model does."""

import dataclasses

import numpy as np
import tensorflow as tf

from adafuse_tf.inference.answers import STATE_PREFIX, Answers
from adafuse_tf.inference.runtimes import ExportedModel


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Of an exported model with the Keras model, on the same clips.

    Attributes:
        num_clips: How many.
        top1: Share of clips with the same most probable class.
        probability: Largest difference of a probability.
        decisions: Share of equal decisions, over all gates, channels and frames; `None`
            without gates.
        gmacs: Mean cost of a clip relative to that of the Keras model.
    """

    num_clips: int
    top1: float
    probability: float
    decisions: float | None
    gmacs: float

    def __str__(self) -> str:
        decisions = (
            "" if self.decisions is None else f"{self.decisions:.2%} decisions, "
        )
        return (
            f"{decisions}{self.top1:.1%} answers alike on {self.num_clips} clips, "
            f"probabilities within {self.probability:.1g}, cost x {self.gmacs:.3f}"
        )


def measure_agreement(
    model, exported: ExportedModel, clips: np.ndarray, window: int | None = None
) -> dict[str, Agreement]:
    """Compares a `.tflite` of one clip at a time with the model that it came from.

    Args:
        model: The `VideoClassifier`.
        exported: The opened file.
        clips: uint8 `[N, T, crop, crop, 3]`.
        window: That of the file's streams, see `write_litert`.

    Returns:
        `{"clip": ...}`, and under `"step"` the same frame by frame where the model can
        stream.
    """
    answers = Answers(model, exported.card.labels, True, window)
    expected = _reference(answers.clip, clips)
    found = _stack(exported.run("clip", frames=clip[None]) for clip in clips)
    agreement = {"clip": _compare(expected, found)}
    if not exported.card.no_stream:
        if window is not None:  # else a stream says what the clip does
            state = answers.init_state(tf.zeros(1, tf.int32))
            expected = _reference(lambda x: answers.step(x, **state), clips)
        found = _stack(_stepwise(exported, clip) for clip in clips)
        agreement["step"] = _compare(expected, found)
    return agreement


def _reference(function, clips):
    """What Keras says, one clip at a time."""
    compiled = tf.function(function, autograph=False)
    return _stack(
        tf.nest.map_structure(lambda x: x.numpy(), compiled(tf.constant(clip[None])))
        for clip in clips
    )


def _stepwise(exported, clip):
    state, steps = exported.new_state(), []
    for frame in clip:
        steps.append(exported.run("step", frames=frame[None, None], **state))
        state = {k: v for k, v in steps[-1].items() if k.startswith(STATE_PREFIX)}
    answer = {**steps[-1], "gmacs": sum(step["gmacs"] for step in steps)}
    if "actions" in answer:
        answer["actions"] = np.concatenate([step["actions"] for step in steps], 1)
    return answer


def _stack(answers):
    wanted = ("classes", "probabilities", "gmacs", "actions")
    rows = [{k: a[k] for k in wanted if k in a} for a in answers]
    return {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}


def _compare(expected, found):
    decisions = None
    if "actions" in expected:
        decisions = float(np.mean(expected["actions"] == found["actions"]))
    difference = np.abs(expected["probabilities"] - found["probabilities"])
    return Agreement(
        num_clips=len(expected["classes"]),
        top1=float(np.mean(expected["classes"] == found["classes"])),
        probability=float(difference.max()),
        decisions=decisions,
        gmacs=float(found["gmacs"].mean() / expected["gmacs"].mean()),
    )
