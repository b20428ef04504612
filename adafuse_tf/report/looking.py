"""A closer look at a few clips: frames, decisions, and the cost of each frame."""

from collections.abc import Mapping

import keras
import numpy as np

from adafuse_tf import costs
from adafuse_tf.data import Preprocessing
from adafuse_tf.inference import profile
from adafuse_tf.layers import ACTIONS
from adafuse_tf.report.content import Shown


def look_at(
    model: keras.Model, clips: Mapping[int, np.ndarray], preprocessing: Preprocessing
) -> dict[int, Shown]:
    """Profiles clips.

    Args:
        model: a `VideoClassifier`.
        clips: by any number, normalised `[T, H, W, 3]`.
        preprocessing: how they were normalised.
    """
    stacked = np.stack(list(clips.values()))
    answer = profile(model, stacked)
    gmacs = _frame_gmacs(model, answer.policies, stacked.shape)
    return {
        number: Shown(
            frames=_as_bytes(stacked[i], preprocessing),
            policies={gate: policy[i] for gate, policy in answer.policies.items()},
            gmacs=gmacs[i],
        )
        for i, number in enumerate(clips)
    }


def _frame_gmacs(model, policies, shape) -> np.ndarray:
    one_hot = {
        gate: np.eye(len(ACTIONS), dtype="float32")[policy]
        for gate, policy in policies.items()
    }
    histories = {name: gate.history for name, gate in model.gates.items()}
    num_clips, num_frames, height, width, _ = shape
    gmacs = costs.clip_gmacs(model.cost_table, one_hot, height, width, histories)
    return np.broadcast_to(np.asarray(gmacs), (num_clips, num_frames))


def _as_bytes(clip: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    return np.clip(np.rint(preprocessing.denormalize(clip)), 0, 255).astype(np.uint8)
