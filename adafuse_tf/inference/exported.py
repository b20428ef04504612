"""Opens what `train/export.py` has written: a SavedModel or a .tflite."""

import io
import os
import zipfile
import zlib
from pathlib import Path

import tensorflow as tf

from adafuse_tf import files
from adafuse_tf.inference.answers import Answers
from adafuse_tf.inference.model_card import (
    MODEL_FILE,
    ModelCard,
    model_card,
    one_line,
)
from adafuse_tf.inference.runtimes import ExportedModel, Graphs, LiteRT
from adafuse_tf.models.streaming import check_sizes


def open_exported(
    path, num_threads: int | None = None, max_interpreters: int | None = None
) -> ExportedModel:
    """Opens an exported model.

    Open it once and share it: any number of threads and of `VideoStream`s may use it at
    the same time. What happens to the file or folder afterwards does not matter.

    Args:
        path: A `.tflite` file, a SavedModel, or a folder of numbered SavedModels as
            TensorFlow Serving takes it (the highest number that is there is opened).
        num_threads: Threads of a `.tflite`, by default one. Not for a SavedModel, which
            follows TensorFlow's settings.
        max_interpreters: So many calls of a `.tflite` are computed at the same time,
            the others wait; by default as many as there are cores for `num_threads`
            each. An interpreter is made only when a call finds the others in use. Each
            takes about twice the size of the file in memory. Not for a SavedModel.

    Raises:
        FileNotFoundError: There is nothing at `path`.
        ValueError: It is cut short, not an export of this package, or remote;
            `num_threads` or `max_interpreters` is not positive, or given for a
            SavedModel.
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
    settings = {"num_threads": num_threads, "max_interpreters": max_interpreters}
    settings = {name: value for name, value in settings.items() if value is not None}
    check_sizes(**settings)
    if path.is_dir():
        if settings:
            raise ValueError(
                f"{' and '.join(settings)} count with a .tflite only; a SavedModel "
                f"follows TensorFlow's settings. Received: {settings} for {str(path)!r}"
            )
        return _open_saved_model(path)
    content = path.read_bytes()
    card = ModelCard.from_json(_attached_file(content, MODEL_FILE, path), path)
    num_threads = num_threads or 1
    most = max_interpreters or max(1, _cores() // num_threads)
    try:
        return LiteRT(path.name, card, content, num_threads, most)
    except ValueError as error:
        raise ValueError(f"LiteRT cannot open {path}: {one_line(error)}") from error


def as_exported(
    model, labels=None, window=None, names=None, gated=None, sampler=None
) -> ExportedModel:
    """A Keras model behind the signatures that its SavedModel would have.

    Every call traces anew, which takes seconds: call it once and share what it returns
    among streams and threads. It follows the weights of `model`, but keeps answering if
    nothing else refers to that any more.

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
    return Graphs(model.name, model_card(answers), answers.signatures(names))


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
            f"TensorFlow cannot open {folder}: {one_line(error)}"
        ) from error
    graphs = Graphs(str(folder), card, functions)
    graphs.loaded = loaded  # its functions need its variables to stay alive
    return graphs


def _attached_file(content, name, path):
    """Reads a file that is attached to a .tflite, the way that format does it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as attached:
            return attached.read(name)
    except (zipfile.BadZipFile, zlib.error, KeyError):
        raise ValueError(
            f"The file is cut short, or not a .tflite of train/export.py: it has no "
            f"{name}. Received: {str(path)!r}"
        ) from None


def _cores():
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux: fewer than there are, in a container
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
