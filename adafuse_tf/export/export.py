"""From the folder of a run to files for servers and phones."""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from adafuse_tf import cli, files
from adafuse_tf.export.agreement import measure_agreement
from adafuse_tf.export.files import next_version
from adafuse_tf.export.litert import write_litert
from adafuse_tf.export.sample_clips import sample_clips
from adafuse_tf.export.saved_model import write_saved_model
from adafuse_tf.export.source import in_float32
from adafuse_tf.inference import profile
from adafuse_tf.inference.answers import Answers
from adafuse_tf.inference.exported import open_exported
from adafuse_tf.inference.gated import gated_view, regroup
from adafuse_tf.inference.model_card import PARAMS_FILE
from adafuse_tf.models.streaming import state_bytes
from adafuse_tf.training import ModelDir, evaluation_sampler, load_trained

# Format -> how its file is called after the model's name, and its precision.
LITERT_FORMATS = {
    "tflite": (".tflite", "float32"),
    "tflite_float16": ("_float16.tflite", "float16"),
    "tflite_int8": ("_int8.tflite", "int8"),
}
FORMATS = ("saved_model", *LITERT_FORMATS)
DEFAULT_FORMATS = ("saved_model", "tflite")


@dataclasses.dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        paths: Format to path.
        agreement: Format and signature to the `Agreement` with the Keras model; only
            for LiteRT, and only where there are records to compare on.
        note: How large the state of a stream is, what the model cannot do or what was
            left out, a line each.
        mechanisms: Runtime to lines of text on how each gate saves; empty unless gated.
    """

    paths: dict[str, Path]
    agreement: dict[str, dict]
    note: str
    mechanisms: dict[str, list[str]]

    def __str__(self) -> str:
        lines = [line for lines in self.mechanisms.values() for line in lines]
        lines += [f"{name}: {path}" for name, path in self.paths.items()]
        lines += [
            f"{name}, {signature}: {agreement}"
            for name, signatures in self.agreement.items()
            for signature, agreement in signatures.items()
        ]
        return "\n".join([*lines, *([self.note] if self.note else [])])


def export_model_dir(
    model_dir: str | Path,
    export_dir: str | Path,
    name: str | None = None,
    checkpoint: str = "last",
    formats: Sequence[str] = DEFAULT_FORMATS,
    data_dir: str | Path | None = None,
    num_clips: int | None = None,
    window: int | None = None,
    gated: bool = False,
    group_size: int | None = None,
) -> Export:
    """Exports what `train/train.py` has trained.

    Writes `<export_dir>/<name>/<version>/` (a SavedModel, the version one above those
    that are there) and `<export_dir>/<name>.tflite`, each complete or not at all. The
    configuration of the run and the labels travel in them. What was found out about
    the `.tflite`s goes to `<export_dir>/<name>.json`.

    Args:
        model_dir: Folder of the run.
        export_dir: Folder to write to.
        name: Name of the model; by default that of `model_dir`.
        checkpoint: `"last"` or `"best"`.
        formats: Some of `FORMATS`.
        data_dir: Records; by default those of the run, if they are still there. Clips
            of the training split set the ranges of int8, clips of the validation split
            show the agreement with the Keras model.
        num_clips: How many clips of each split, by default 32. As `data_dir` only
            where clips are used: for LiteRT and gated models.
        window: Streams average over so many last frames; by default over all.
        gated: Compute only what the policies ask for, see `inference.gated`. How each
            gate does is chosen by the shares of the actions on the clips of the
            validation split, or by equal shares without records.
        group_size: Makes a model that decides per channel decide for so many at once,
            see `inference.gated.regroup`; what that costs on the clips of the
            validation split is in the `Export`'s note.

    Returns:
        An `Export`.

    Raises:
        ModelDirError: Not a run, or nothing trained in it yet.
        FileNotFoundError: There are no records in the `data_dir` that was given.
        ValueError: An unknown format, a remote `export_dir`, int8 without records or
            gated, a gated model without gates, groups without records or of what has
            groups, an option out of its range or without effect.
    """
    _check(export_dir, name, formats, gated)
    grouping = group_size is not None
    needs_clips = gated or grouping or not LITERT_FORMATS.keys().isdisjoint(formats)
    num_clips = _checked_num_clips(num_clips, data_dir, needs_clips)
    folder = ModelDir(model_dir)
    model, _, labels = load_trained(folder, checkpoint)
    name = name or Path(os.path.abspath(folder.name.rstrip("/"))).name
    config = folder.read_config()
    extra = {PARAMS_FILE: folder.params.read_text(encoding="utf-8")}
    if (gated or grouping) and not model.gates:
        raise ValueError(
            "A model without gates has nothing to leave out or to group; export it "
            "without `gated` and `group_size`. "
            f"Received: a model_dir of {config.task.model.name!r}"
        )
    sampler = evaluation_sampler(config.task)
    notes = []
    reason = Answers(model, labels, window=window).no_stream
    if reason:
        notes.append(f"Signatures for whole clips only: {reason}")

    def sample(split):
        source = data_dir or config.task.data_dir
        try:
            return sample_clips(model.preprocessing, sampler, source, split, num_clips)
        except (FileNotFoundError, ValueError) as error:
            if data_dir is not None:
                raise
            notes.append(f"No clips of the split '{split}' to measure on: {error}")
            return None, None

    typical = checks = None
    if needs_clips:
        checks, truth = sample(config.task.validation_data.split)
    if grouping:
        if checks is None:
            raise ValueError(
                "`group_size` needs records to watch the decisions on; name them with "
                f"`data_dir`. Received: data_dir={config.task.data_dir!r}"
            )
        clips = np.asarray(model.preprocessing.normalize(checks))
        model, price = regroup(model, group_size, clips, truth)
        notes.append(f"In groups of {group_size} channels: {price}")
    if "tflite_int8" in formats:
        typical, _ = sample(config.task.train_data.split)
        if typical is None:
            raise ValueError(
                "tflite_int8 needs records to see the ranges of the feature maps; name "
                f"them with `data_dir`. Received: data_dir={config.task.data_dir!r}"
            )
    mechanisms, sizes = {}, {}
    mix = _mix(model, checks) if gated else None

    def view(runtime):
        chosen = choose(runtime) if gated else None
        if not reason:
            state = (chosen or in_float32(model)).initial_state(1, window=window)
            sizes[runtime] = f"{state_bytes(state):,} bytes in {runtime}"
        return chosen

    def choose(runtime):
        mechanisms[runtime] = []
        chosen = gated_view(model, mix, runtime, report=mechanisms[runtime].append)
        if all(m.kind == "dense" for m in chosen.mechanisms.values()):
            notes.append(
                f"For {runtime} no gate is worth its branches: decisions must come in "
                "groups of channels, see `group_size` and `regroup`."
            )
        return chosen

    export_dir = Path(export_dir)
    paths = {
        format: export_dir / f"{name}{LITERT_FORMATS[format][0]}"
        for format in formats
        if format in LITERT_FORMATS
    }
    agreement = {}
    if paths:
        write_litert(
            model,
            labels,
            {LITERT_FORMATS[format][1]: path for format, path in paths.items()},
            window,
            view("litert"),
            sampler,
            typical,
            attachments=extra,
        )
        if checks is not None:
            try:
                agreement = {
                    format: measure_agreement(
                        model, open_exported(path), checks, window
                    )
                    for format, path in paths.items()
                }
            except ImportError as error:
                notes.append(f"Not compared with the Keras model. {error}")
        _note_agreement(export_dir / f"{name}.json", paths, agreement)
    if "saved_model" in formats:
        # Last: a model server takes it over as soon as it is there.
        version = next_version(export_dir / name)
        paths["saved_model"] = write_saved_model(
            model, labels, version, window, view("tensorflow"), sampler, extra
        )
    if sizes:
        notes.append(f"State of one stream: {', '.join(sizes.values())}")
    return Export(paths, agreement, "\n".join(notes), mechanisms)


def _check(export_dir, name, formats, gated):
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or not formats:
        raise ValueError(
            f"`formats` must be some of {', '.join(FORMATS)}. "
            f"Received: {', '.join(unknown) or 'none'}"
        )
    if len(set(formats)) < len(formats):
        raise ValueError(
            f"`formats` must name each once. Received: {', '.join(formats)}"
        )
    if files.is_remote(export_dir):
        raise ValueError(
            "`export_dir` must be a local folder; copy what is in it to where it is "
            f"served from. Received: export_dir={str(export_dir)!r}"
        )
    if name is not None and (not name or Path(name).name != name):
        raise ValueError(f"`name` must be a plain name. Received: name={name!r}")
    if gated and "tflite_int8" in formats:
        raise ValueError(
            "LiteRT's quantizer does not support the branches of a gated view; leave "
            "tflite_int8 out. Received: gated=True with tflite_int8"
        )


def _checked_num_clips(num_clips, data_dir, needs_clips):
    if not needs_clips and (data_dir is not None or num_clips is not None):
        raise ValueError(
            "`data_dir` and `num_clips` count with a LiteRT format, `gated` or "
            "`group_size` only. "
            f"Received: data_dir={data_dir!r}, num_clips={num_clips}"
        )
    if num_clips is None:
        return 32
    if num_clips < 1:
        raise ValueError(f"`num_clips` must be >= 1. Received: num_clips={num_clips}")
    return num_clips


def _note_agreement(path, formats, agreement):
    """Adds to what the file says of other formats."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    found = {k: v for k, v in known.get("agreement", {}).items() if k not in formats}
    for format, signatures in agreement.items():
        found[format] = {k: dataclasses.asdict(a) for k, a in signatures.items()}
    cli.write_json(path, {"agreement": found})


def _mix(model, clips):
    """Shares of (skip, reuse, keep) by gate, on clips or, without any, all alike."""
    if clips is None:
        return (1 / 3,) * 3
    return profile(model, model.preprocessing.normalize(clips)).shares
