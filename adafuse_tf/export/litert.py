"""Classifiers as LiteRT files (.tflite) of built-in operations."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

from adafuse_tf.export.files import whole
from adafuse_tf.export.source import check_view, in_float32
from adafuse_tf.export.traced import traced
from adafuse_tf.inference.answers import Answers
from adafuse_tf.inference.model_card import LABELS_FILE, MODEL_FILE, model_card
from adafuse_tf.models.streaming import check_sizes

PRECISIONS = ("float32", "float16", "int8")


def write_litert(
    model,
    labels,
    paths: Mapping[str, str | Path],
    window: int | None = None,
    gated=None,
    sampler=None,
    clips=None,
    batch_size: int = 1,
    num_frames: int | None = None,
    attachments: Mapping[str, str] | None = None,
) -> None:
    """Writes .tflite files with the signatures `clip`, `init_state` and `step`.

    All sizes in them are fixed, which lets the converter fold every normalisation and
    the runtime prepare every convolution: uint8 frames
    `[batch_size, num_frames, crop, crop, 3]` for a clip, one frame per stream for a
    step, resized and cropped by the caller. A model that cannot stream gets `clip`
    alone.

    Args:
        model: A `VideoClassifier`.
        labels: Names of the classes, in the order of the logits.
        paths: Files to write by their precision; what is there is replaced.
            `"float32"`; `"float16"`: weights in half the size, computed in float32;
            `"int8"`: weights and feature maps in 8 bits, but the gates with their
            policy networks in float32, where rounding would change decisions.
        window: Streams average over so many last frames; by default over all.
        gated: A `GatedView` of the model, to compute only what its policies ask for;
            not for int8.
        sampler: Which frames of a whole video make a clip, a `data.Sampler`.
        clips: For int8, uint8 `[N, T, crop, crop, 3]`: typical clips, from which the
            ranges of the feature maps are taken.
        batch_size: Clips or streams at a time.
        num_frames: Frames of a clip; by default those of the preprocessing.
        attachments: Further text files to attach to the files. With `model.json` and
            `labels.txt` they can be read by any program for ZIP files.

    Raises:
        ValueError: An option out of its range, int8 without `clips`, or a model with
            operations that LiteRT does not have.
    """
    unknown = sorted(set(paths) - set(PRECISIONS))
    if unknown or not paths:
        raise ValueError(
            f"The precisions are {PRECISIONS}. Received: {sorted(paths) or 'none'}"
        )
    check_view(model, gated)
    if num_frames is None:
        num_frames = model.preprocessing.num_frames
    check_sizes(batch_size=batch_size, num_frames=num_frames)
    model = in_float32(model)
    answers = Answers(model, labels, True, window, gated, sampler)
    size = answers.preprocessing.crop
    if "int8" in paths and gated is not None:
        raise ValueError(
            "The gated view is exported in float32 and float16: LiteRT's quantizer "
            "does not support branches. Received: precision 'int8' with a gated view"
        )
    if "int8" in paths:
        expected = (num_frames, size, size, 3)
        if clips is None or clips.shape[1:] != expected or clips.dtype != "uint8":
            received = None if clips is None else (clips.shape, str(clips.dtype))
            raise ValueError(
                "int8 needs typical `clips` to see the ranges of the feature maps, "
                f"uint8 [N, {num_frames}, {size}, {size}, 3]. Received: {received}"
            )
    files = {
        MODEL_FILE: model_card(answers).to_json(),
        LABELS_FILE: "".join(f"{label}\n" for label in answers.labels),
        **(attachments or {}),
    }
    with traced(model, answers.signatures(None, batch_size, num_frames, 1)) as graphs:
        float32 = graphs.convert()
        for precision, path in paths.items():
            content = float32
            if precision == "float16":
                content = graphs.convert(float16=True)
            elif precision == "int8":
                # Only here: it stands on parts of TensorFlow that are not public.
                from adafuse_tf.export.int8 import quantize

                content = quantize(graphs, float32, list(model.gates), clips)
            _write(Path(path), content, files)


def _write(path, content, files):
    with whole(path) as target:
        target.write_bytes(content)
        # The format's way to carry files: a ZIP archive after the model.
        with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as attached:
            for name, text in files.items():
                attached.writestr(zipfile.ZipInfo(name), text)
