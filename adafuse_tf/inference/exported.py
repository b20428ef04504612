"""Opens what `train/export.py` has written: a SavedModel or a .tflite."""

import dataclasses
import functools
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np
import tensorflow as tf

from adafuse_tf import files
from adafuse_tf.data import Preprocessing, Sampler
from adafuse_tf.inference.answers import STATE_PREFIX, Answers
from adafuse_tf.models.streaming import check_sizes

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
        return _cropping(self.preprocessing)(tf.constant(frames)).numpy()

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
                f"{_one_line(error)}. Received: {str(where)!r}"
            ) from error


class ExportedModel:
    """A model behind named signatures, whatever runs it.

    Args:
        name: What to call it in messages.
        card: A `ModelCard`.
        inputs: Per signature, `dict[str, tf.TensorSpec]` of its inputs by name.

    Subclasses compute, in `_compute(signature, inputs)`.
    """

    def __init__(self, name, card, inputs):
        self.name = name
        self.card = card
        self.inputs = inputs

    def run(self, signature: str, **inputs) -> dict[str, np.ndarray]:
        """Calls a signature.

        Args:
            signature: `"clip"`, `"clip_from_images"`, `"clip_from_examples"`,
                `"init_state"` or `"step"`, see `Answers`; which there are depends on
                the model and the format.
            **inputs: Arrays by the names of the signature's inputs.

        Returns:
            Arrays by the names of the outputs.

        Raises:
            ValueError: An unknown signature; an input that is missing, unknown, of
                another shape or without frames; bytes that are no image or example.
            TypeError: An input of another dtype.
        """
        if signature not in self.inputs:
            raise ValueError(
                f"{self.name} has the signatures {sorted(self.inputs)}. "
                f"Received: signature={signature!r}"
            )
        return self._compute(signature, self._checked(signature, inputs))

    def new_state(self) -> dict[str, np.ndarray]:
        """The state that a single stream starts with."""
        return self.run("init_state", streams=np.zeros(1, np.int32))

    def _checked(self, signature, inputs):
        specs = self.inputs[signature]
        missing, unknown = sorted(set(specs) - set(inputs)), set(inputs) - set(specs)
        if missing or unknown:
            state = any(n.startswith(STATE_PREFIX) for n in [*missing, *unknown])
            raise ValueError(
                f"'{signature}' of {self.name} takes {sorted(specs)}"
                f"{'; the state seems to be of another model' if state else ''}. "
                f"Received: {sorted(inputs)}"
            )
        checked = {}
        for name, spec in specs.items():
            # Arrays of bytes would lose zeros at their end.
            text = object if spec.dtype == tf.string else None
            value = np.asarray(inputs[name], text)
            same = value.dtype == spec.dtype.as_numpy_dtype or (
                spec.dtype == tf.string and value.dtype.kind in "OSU"
            )
            if not same:
                raise TypeError(
                    f"`{name}` of '{signature}' must be {spec.dtype.name}. "
                    f"Received: dtype={value.dtype}"
                )
            if not spec.shape.is_compatible_with(value.shape) or 0 in value.shape:
                raise ValueError(
                    f"`{name}` of '{signature}' must have shape "
                    f"{_shape_text(spec.shape)}, at least 1 each"
                    f"{_hint(name)}. Received: shape={value.shape}"
                )
            checked[name] = value
        counts = {name: len(value) for name, value in checked.items()}
        if len(set(counts.values())) > 1:
            raise ValueError(
                f"All inputs of '{signature}' must be of as many streams. "
                f"Received: {counts}"
            )
        return checked


class _Graphs(ExportedModel):
    """Concrete functions of TensorFlow."""

    def __init__(self, name, card, functions):
        inputs = {
            key: {
                spec.name: spec
                for spec in tf.nest.flatten(function.structured_input_signature)
            }
            for key, function in functions.items()
        }
        super().__init__(name, card, inputs)
        self._functions = functions

    def _compute(self, signature, inputs):
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        try:
            outputs = self._functions[signature](**tensors)
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                f"'{signature}' cannot read what it was given: {_core(error)} "
                f"Received: {', '.join(inputs)}"
            ) from error
        return {name: value.numpy() for name, value in outputs.items()}


class _LiteRT(ExportedModel):
    """A .tflite file."""

    def __init__(self, name, card, path, num_threads):
        Interpreter = litert_interpreter()
        # The runners share the file and need the interpreter to stay alive.
        self._interpreter = Interpreter(model_path=str(path), num_threads=num_threads)
        self._runners = {
            key: self._interpreter.get_signature_runner(key)
            for key in self._interpreter.get_signature_list()
        }
        inputs = {
            key: {
                name: tf.TensorSpec(detail["shape"], detail["dtype"], name)
                for name, detail in runner.get_input_details().items()
            }
            for key, runner in self._runners.items()
        }
        super().__init__(name, card, inputs)

    def _compute(self, signature, inputs):
        return self._runners[signature](**inputs)


def litert_interpreter():
    """LiteRT's `Interpreter`.

    Raises:
        ImportError: LiteRT is not installed.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ImportError(
            "Running a .tflite needs LiteRT: pip install 'adafuse_tf[litert]'"
        ) from error
    return Interpreter


def open_exported(path, num_threads: int | None = None) -> ExportedModel:
    """Opens an exported model.

    Args:
        path: A `.tflite` file, a SavedModel, or a folder of numbered SavedModels as
            TensorFlow Serving takes it (the highest number that is there is opened).
        num_threads: Threads of a `.tflite`, by default one. Not for a SavedModel, which
            follows TensorFlow's settings.

    Raises:
        FileNotFoundError: There is nothing at `path`.
        ValueError: It is cut short, not an export of this package, or remote;
            `num_threads` is not positive, or given for a SavedModel.
        ImportError: A `.tflite` without LiteRT installed.
    """
    if files.is_remote(path):
        raise ValueError(
            "An exported model must be a local file or folder; copy it here first. "
            f"Received: {str(path)!r}"
        )
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no exported model. Received: {str(path)!r}")
    if num_threads is not None:
        check_sizes(num_threads=num_threads)
    if path.is_dir():
        if num_threads is not None:
            raise ValueError(
                "Threads count with a .tflite only; a SavedModel follows TensorFlow's "
                f"settings. Received: {num_threads} threads for {str(path)!r}"
            )
        return _open_saved_model(path)
    card = ModelCard.from_json(_attached_file(path, MODEL_FILE), path)
    try:
        return _LiteRT(path.name, card, path, num_threads or 1)
    except ValueError as error:
        raise ValueError(f"LiteRT cannot open {path}: {_one_line(error)}") from error


def as_exported(
    model, labels=None, window=None, names=None, gated=None, sampler=None
) -> ExportedModel:
    """A Keras model behind the signatures that its SavedModel would have.

    Args:
        model: A `VideoClassifier`.
        labels: Names of the classes; their numbers by default.
        window, gated, sampler: See `Answers`.
        names: Signatures to trace; all by default.

    Returns:
        An `ExportedModel`, called `model.name`.

    Raises:
        ValueError: `labels` are not one per class, or a stream is asked for and the
            model cannot stream.
    """
    labels = labels or [str(number) for number in range(model.num_classes)]
    answers = Answers(model, labels, False, window, gated, sampler)
    return _Graphs(model.name, model_card(answers), answers.signatures(names))


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


@functools.cache
def _cropping(preprocessing):
    """Compiled: called one operation at a time it takes longer than a small model."""

    def crop(frames):
        return tf.cast(preprocessing.resize_and_crop(frames), tf.uint8)

    # Of no size in particular: of frames smaller than the crop, the branch that does
    # not resize could not be traced.
    spec = tf.TensorSpec([None, None, None, 3], tf.uint8)
    return tf.function(crop, input_signature=[spec], autograph=False)


def _open_saved_model(folder):
    # A version that is still being copied may be no more than an empty folder.
    versions = [
        path.parent
        for path in folder.glob("*/saved_model.pb")
        if path.parent.name.isdigit()
    ]
    if not (folder / "saved_model.pb").is_file() and versions:
        folder = max(versions, key=lambda path: int(path.name))
    card_file = folder / "assets" / MODEL_FILE
    if not (folder / "saved_model.pb").is_file() or not card_file.is_file():
        raise ValueError(
            "Not a SavedModel of train/export.py: it needs saved_model.pb and "
            f"assets/{MODEL_FILE}. Received: {str(folder)!r}"
        )
    card = ModelCard.from_json(card_file.read_bytes(), card_file)
    try:
        loaded = tf.saved_model.load(str(folder))
        functions = dict(loaded.signatures.items())
        functions.pop("serving_default")  # `clip` by another name
    except (LookupError, OSError, ValueError, tf.errors.OpError) as error:
        raise ValueError(
            f"TensorFlow cannot open {folder}: {_one_line(error)}"
        ) from error
    graphs = _Graphs(str(folder), card, functions)
    graphs.loaded = loaded  # its functions need its variables to stay alive
    return graphs


def _attached_file(path, name):
    """Reads a file that is attached to a .tflite, the way that format does it."""
    try:
        with zipfile.ZipFile(path) as attached:
            return attached.read(name)
    except (zipfile.BadZipFile, zlib.error, KeyError):
        raise ValueError(
            f"The file is cut short, or not a .tflite of train/export.py: it has no "
            f"{name}. Received: {str(path)!r}"
        ) from None


def _one_line(error):
    # TensorFlow's own errors add the graph to their message.
    return " ".join(str(getattr(error, "message", error)).split())


def _core(error):
    """What went wrong in a graph, without where in it."""
    before, *_ = error.message.partition("[[{{node")
    return before.strip().splitlines()[-1].strip()


def _shape_text(shape):
    sizes = ["any" if size is None else str(size) for size in shape]
    return f"[{', '.join(sizes)}]"


def _hint(name):
    if name == "frames":
        return " (streams or clips, frames, height, width, RGB)"
    return "; it belongs to another model or batch" if STATE_PREFIX in name else ""
