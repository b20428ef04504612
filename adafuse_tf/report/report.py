"""From the folder of a run to a page about it."""

import dataclasses
import json
import math
import os
from pathlib import Path

from adafuse_tf import data, files
from adafuse_tf.report.clips_to_report import ClipsToReport, clips_to_report
from adafuse_tf.report.content import Content, Videos
from adafuse_tf.report.layout import lay_out
from adafuse_tf.report.looking import look_at
from adafuse_tf.report.measuring import measure
from adafuse_tf.report.numbers import percent
from adafuse_tf.training import ConfigError, ModelDir, ModelDirError, load_trained
from adafuse_tf.training.callbacks import read_history
from adafuse_tf.training.evaluation import metrics_of

REPORT = "report.html"


@dataclasses.dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        path: the page.
        notes: what a reader should know first, such as parts that are left out.
    """

    path: str
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([*self.notes, f"Report: {self.path}"])


def write_report(
    model_dir: files.PathLike,
    input_path: str | None = None,
    checkpoint: str = "last",
    output: files.PathLike | None = None,
    batch_size: int = 16,
) -> Report:
    """Writes a page of HTML, with all pictures in it, about a trained run.

    The numbers are measured on the spot. Where the run's videos have gone they are
    those of its `metrics.json`, and what needs the videos is left out.

    Args:
        model_dir: the folder of the run, or its URL.
        input_path: a record file, a folder or a glob pattern; by default the run's
            validation split. Labels are matched by name.
        checkpoint: `"last"` or `"best"`.
        output: file to write; by default `report.html` in `model_dir`.
        batch_size: clips at a time.

    Raises:
        ModelDirError: not a run, nothing trained in it yet, neither videos nor metrics
            of this checkpoint, or the run's data set has other labels by now.
        FileNotFoundError: nothing matches `input_path`.
        ValueError: a clip has a label that the model does not know, or the run's data
            set has no validation split any more.
        DataError: a clip or file is damaged.
    """
    folder = ModelDir(model_dir)
    model, preprocessing, labels = load_trained(folder, checkpoint)
    folder.fetch(folder.metrics, folder.history)
    config = folder.read_config()
    written = _read_metrics(folder.metrics, checkpoint)
    try:
        clips = clips_to_report(config.task, preprocessing, labels, input_path)
    except (FileNotFoundError, ConfigError) as error:
        if input_path is not None:
            raise
        if written is None:
            raise ModelDirError(
                "There are neither videos nor metrics of this checkpoint to report on; "
                f"name records with --input_path. Received: {error}"
            ) from error
        metrics, videos = written, None
        where = f"split '{config.task.validation_data.split}' of the run's data"
        notes = [
            "The run's videos are not there. The numbers are those of its "
            "metrics.json; the parts on single videos, and on how often decisions "
            "change, are left out. Name records with --input_path; a relative "
            f"data_dir starts from the folder that the command runs in. {error}",
            *_other_settings(written),
        ]
    else:
        metrics, videos = _measure(model, preprocessing, labels, clips, batch_size)
        where = clips.where
        notes = _add_sampled(metrics, written)
        if input_path is not None:  # other videos than those of metrics.json
            notes = []
    if not model.gates:
        notes.append(
            "This model has no gates: it computes everything in every frame, and every "
            "video costs the same. The parts on policies are left out."
        )
    content = Content(
        name=os.path.basename(os.path.abspath(folder.name.rstrip("/"))),
        preset=config.task.model.name,
        preprocessing=preprocessing,
        labels=labels,
        gates=tuple(model.gates),
        checkpoint=checkpoint,
        metrics=metrics,
        where=where,
        notes=tuple(notes),
        videos=videos,
        history=read_history(folder.history),
        params=folder.params.read_text(encoding="utf-8"),
    )
    path = str(output or files.join(folder.name, REPORT))
    files.write_text(path, lay_out(content))
    return Report(path, content.notes)


def _measure(
    model, preprocessing, labels, clips: ClipsToReport, batch_size: int
) -> tuple[dict, Videos]:
    num_views, size = len(clips.views), clips.views.size(preprocessing)
    bad_items = clips.bad_items()
    with data.clear_errors(bad_items):
        dataset = clips.batches(batch_size, bad_items)
        found = measure(model, dataset, num_views, clips.to_model)
    shape = (preprocessing.num_frames, size, size)
    return (
        metrics_of(model, found.tally, [], labels, shape, num_views),
        Videos(
            measured=found,
            names=clips.names(bad_items),
            shown=look_at(model, found.gallery.clips(), preprocessing),
            num_views=num_views,
        ),
    )


def _add_sampled(metrics: dict, written: dict | None) -> list[str]:
    """Takes the sampled accuracy from metrics.json, if that is of the same videos."""
    if written is None:
        return []
    if others := _other_settings(written):
        return others
    # Other videos may all be answered alike, but not with the same probabilities.
    same_loss = math.isclose(written["loss"], metrics["loss"], rel_tol=1e-3)
    if same_loss and written["confusion"] == metrics["confusion"]:
        metrics["top1_sampled"] = written["top1_sampled"]
        return []
    return [
        f"metrics.json says top-1 {percent(written['top1'])}, a fresh pass "
        f"{percent(metrics['top1'])}: weights or data have changed since, or another "
        "device rounds otherwise. The page has the fresh numbers."
    ]


def _other_settings(written: dict) -> list[str]:
    """What the metrics were measured with, if not with the run's settings."""
    others = "; ".join(written.get("other_settings", []))
    return [f"metrics.json is of an evaluation with {others}."] if others else []


def _read_metrics(path: Path, checkpoint: str) -> dict | None:
    """The metrics of this checkpoint, if they have been written."""
    if not path.is_file():
        return None
    metrics = json.loads(path.read_text(encoding="utf-8"))
    return metrics if metrics["checkpoint"] == checkpoint else None
