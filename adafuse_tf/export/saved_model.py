"""Classifiers as SavedModels of stock TensorFlow operations."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from adafuse_tf.export.files import whole
from adafuse_tf.export.source import check_view, in_float32
from adafuse_tf.inference.answers import Answers
from adafuse_tf.inference.model_card import LABELS_FILE, MODEL_FILE, model_card


def write_saved_model(
    model,
    labels,
    path: str | Path,
    window: int | None = None,
    gated=None,
    sampler=None,
    assets: Mapping[str, str] | None = None,
) -> Path:
    """Writes a SavedModel that takes frames as they are and needs no Python code.

    Its signatures are the functions of `Answers`: `clip` (the default one),
    `clip_from_images`, `clip_from_examples` and, where the model can stream,
    `init_state` and `step`. Every input and output has a batch dimension, so that a
    server may put requests together.

    Args:
        model: A `VideoClassifier`.
        labels: Names of the classes, in the order of the logits.
        path: Folder to write. For TensorFlow Serving it is named by a number.
        window: Streams average over so many last frames; by default over all.
        gated: A `GatedView` of the model, to compute only what its policies ask for.
        sampler: Which frames of a whole video make a clip, a `data.Sampler`.
        assets: Further text files to put beside `model.json` and `labels.txt`.

    Returns:
        `path`.

    Raises:
        ValueError: `labels` are not one per class.
        FileExistsError: There is something at `path` already.
    """
    path = Path(path)
    if path.exists():
        raise FileExistsError(
            f"A version that may be in use is not replaced. Received: {str(path)!r}"
        )
    check_view(model, gated)
    model = in_float32(model)
    answers = Answers(model, labels, False, window, gated, sampler)
    texts = {
        MODEL_FILE: model_card(answers).to_json(),
        LABELS_FILE: "".join(f"{label}\n" for label in labels),
        **(assets or {}),
    }
    signatures = answers.signatures()
    with tempfile.TemporaryDirectory() as folder, whole(path) as target:
        module = as_module(model)
        module.assets = []
        for name, text in texts.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
            module.assets.append(tf.saved_model.Asset(str(Path(folder) / name)))
        tf.saved_model.save(
            module, target, {"serving_default": signatures["clip"], **signatures}
        )
    return path


def as_module(model) -> tf.Module:
    """Something that holds the model's variables, which a SavedModel needs."""
    module = tf.Module()
    module.model_variables = [variable.value for variable in model.variables]
    return module
