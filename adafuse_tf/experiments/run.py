"""Trains and measures every run of a study with every seed."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path

from adafuse_tf import files
from adafuse_tf.benchmarks.report import write_report
from adafuse_tf.experiments.finished import finished_metrics
from adafuse_tf.experiments.plot import draw_study
from adafuse_tf.experiments.study import Study, folder_name, read_study
from adafuse_tf.experiments.summary import as_markdown, summarise
from adafuse_tf.training.config import ExperimentConfig
from adafuse_tf.training.config_loading import load_config
from adafuse_tf.training.data_source import open_source
from adafuse_tf.training.run import run_experiment
from adafuse_tf.training.side_by_side import run_side_by_side


def run_study(
    study: str,
    work_dir: str | Path,
    output_dir: str | Path,
    overrides: Sequence[str] = (),
    experiment: str | None = None,
) -> str:
    """Trains what is not trained yet, and writes the comparison.

    A study that was cut off goes on with the same call.

    Args:
        study: a file in `configs/experiments` without its ending, or a path.
        work_dir: folder for the runs, `<work_dir>/<run>_<seed>`.
        output_dir: folder for `<study>.json`, `<study>.md` and `<study>.png`, or
            `<study>_<experiment>.json` and so on where `experiment` is given.
        overrides: settings for all runs, as `--params_override` takes them; they win
            over those of the study.
        experiment: what the runs start from, instead of the study's own.

    Returns:
        The comparison as Markdown.

    Raises:
        ConfigError, FileNotFoundError: see `read_study`, `load_config` and
            `open_source`; before anything is trained.
        ValueError: a folder is a URL.
        And what `run_experiment` raises, for example where `work_dir` holds a run of
        that name with other settings.
    """
    chosen = read_study(study)
    if experiment is not None:
        chosen = chosen.model_copy(update={"experiment": experiment})
    work_dir = _local("work_dir", work_dir)
    output_dir = _local("output_dir", output_dir)
    settings = {
        (name, seed): [json.dumps(changes), f"runtime.seed={seed}", *overrides]
        for seed in chosen.seeds
        for name, changes in chosen.runs.items()
    }
    measured, jobs = {}, {}
    for (name, seed), given in settings.items():
        config = load_config(chosen.experiment, overrides=given)
        _check_data(config)
        job, folder = f"{name} {seed} ", work_dir / f"{folder_name(name)}_{seed}"
        metrics = finished_metrics(folder, config)
        if metrics is not None:
            measured[job] = metrics
            continue
        jobs[job] = functools.partial(
            run_experiment,
            "train_and_eval",
            folder,
            experiment=chosen.experiment,
            overrides=given,
        )
    measured |= run_side_by_side(jobs)
    rows = summarise(
        {
            name: [measured[f"{name} {seed} "] for seed in chosen.seeds]
            for name in chosen.runs
        }
    )
    stem = Path(study).stem
    if experiment is not None:
        stem += f"_{Path(experiment).stem}"
    output_dir.mkdir(parents=True, exist_ok=True)
    draw_study(rows, chosen.title, chosen.baselines, output_dir / f"{stem}.png")
    values = {
        "title": chosen.title,
        "experiment": chosen.experiment,
        "overrides": list(overrides),
        "seeds": chosen.seeds,
        "runs": chosen.runs,
        "rows": rows,
    }
    picture = f"![Top-1 over MMACs per clip]({stem}.png)"
    text = f"{_heading(chosen, overrides)}\n\n{picture}\n\n{as_markdown(rows)}"
    return write_report(output_dir, stem, values, text)


def _local(name: str, folder: str | Path) -> Path:
    if files.is_remote(folder):
        raise ValueError(
            f"`{name}` must be a folder of this machine, for the runs beside each "
            f"other. Received: {name}={folder!r}"
        )
    return Path(folder)


def _check_data(config: ExperimentConfig) -> None:
    """Better fails before all runs than after hours."""
    source = open_source(config.task)
    for split in (config.task.train_data.split, config.task.validation_data.split):
        source.num_clips(split)


def _heading(chosen: Study, overrides: Sequence[str]) -> str:
    seeds = ", ".join(map(str, chosen.seeds))
    return "\n".join(
        [
            f"{chosen.title}: experiment `{chosen.experiment}`, mean ± standard "
            f"deviation of the seeds {seeds}.",
            *(f"With `{override}`." for override in overrides),
        ]
    )
