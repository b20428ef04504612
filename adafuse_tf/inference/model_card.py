"""What a program must know about an exported model besides its graph."""

import dataclasses
import functools
import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from adafuse_tf.data import Preprocessing, Sampler
from adafuse_tf.inference.answers import Answers

MODEL_FILE = "model.json"
LABELS_FILE = "labels.txt"
PARAMS_FILE = "params.yaml"

_CARD_TYPES = {
    "labels": list,
    "preprocessing": dict,
    "gates": dict,
    "cropped": bool,
    "no_stream": str | None,
    "sampler": dict,
}


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """What a program must know about an exported model besides its graph.

    Attributes:
        labels: Names of the classes, in the order of the logits.
        preprocessing: What the frames go through.
        gates: Channels of each gate, in the order of the output `actions`.
        cropped: Whether frames must come resized and cropped.
        no_stream: Why the model cannot stream, `None` if it can.
        sampler: Which frames of a video make a clip.
    """

    labels: tuple[str, ...]
    preprocessing: Preprocessing
    gates: dict[str, int]
    cropped: bool
    no_stream: str | None
    sampler: Sampler = Sampler()

    def fit(self, frames: np.ndarray) -> np.ndarray:
        """uint8 RGB frames `[k, H, W, 3]` as the model takes them, uint8 too."""
        if not self.cropped:
            return frames
        crop = _cropping(self.preprocessing.resize, self.preprocessing.crop)
        return crop(tf.constant(frames)).numpy()

    def to_json(self) -> str:
        """JSON text that `from_json` reads."""
        values = {
            "labels": list(self.labels),
            "preprocessing": self.preprocessing.to_dict(),
            "gates": self.gates,
            "cropped": self.cropped,
            "no_stream": self.no_stream,
            "sampler": dataclasses.asdict(self.sampler),
        }
        return json.dumps(values, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, where: str | Path) -> "ModelCard":
        """The inverse of `to_json`.

        Args:
            text: What `to_json` gave.
            where: The file that it was read from, for the message.

        Raises:
            ValueError: It is anything else.
        """
        try:
            values = json.loads(text)
            known = values if isinstance(values, dict) else {}
            missing = [
                name
                for name, kind in _CARD_TYPES.items()
                if name not in known or not isinstance(known[name], kind)
            ]
            if missing:
                raise ValueError(f"it has no proper {', '.join(missing)}")
            values["labels"] = tuple(values["labels"])
            values["preprocessing"] = Preprocessing.from_dict(values["preprocessing"])
            values["sampler"] = Sampler(**values["sampler"])
            return cls(**{name: values[name] for name in _CARD_TYPES})
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"The {MODEL_FILE} is damaged or not of train/export.py: "
                f"{one_line(error)}. Received: {str(where)!r}"
            ) from error


def model_card(answers: Answers) -> ModelCard:
    """The card of a model that is exported."""
    return ModelCard(
        labels=answers.labels,
        preprocessing=answers.preprocessing,
        gates=answers.gates,
        cropped=answers.cropped,
        no_stream=answers.no_stream,
        sampler=answers.sampler,
    )


def one_line(error):
    """The message of an error in one line."""
    # TensorFlow's own errors add the graph to their message.
    return " ".join(str(getattr(error, "message", error)).split())


@functools.cache
def _cropping(short_side, size):
    """Compiled: called one operation at a time it takes longer than a small model."""
    preprocessing = Preprocessing(resize=short_side, crop=size)

    def crop(frames):
        return tf.cast(preprocessing.resize_and_crop(frames), tf.uint8)

    # Of no size in particular: of frames smaller than the crop, the branch that does
    # not resize could not be traced.
    spec = tf.TensorSpec([None, None, None, 3], tf.uint8)
    return tf.function(crop, input_signature=[spec], autograph=False)
