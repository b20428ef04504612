"""Trains and measures every run of a study with every seed."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path

from adafuse_tf.benchmarks.report import write_report
from adafuse_tf.experiments.plot import draw_study
from adafuse_tf.experiments.study import Study, folder_name, read_study
from adafuse_tf.experiments.summary import as_markdown, summarise
from adafuse_tf.training.config_loading import load_config
from adafuse_tf.training.data_source import open_source
from adafuse_tf.training.run import run_experiment
from adafuse_tf.training.side_by_side import run_side_by_side


def run_study(
    study: str,
    work_dir: str | Path,
    output_dir: str | Path,
    overrides: Sequence[str] = (),
) -> str:
    """Trains what is not trained yet, and writes the comparison.

    A study that was cut off goes on with the same call.

    Args:
        study: a file in `configs/experiments` without its ending, or a path.
        work_dir: folder for the runs, `<work_dir>/<run>_<seed>`.
        output_dir: folder for `<study>.json`, `<study>.md` and `<study>.png`.
        overrides: settings for all runs, as `--params_override` takes them; they win
            over those of the study.

    Returns:
        The comparison as Markdown.

    Raises:
        ConfigError, FileNotFoundError: see `read_study`, `load_config` and
            `open_source`; before anything is trained.
    """
    chosen = read_study(study)
    work_dir, output_dir = Path(work_dir), Path(output_dir)
    settings = {
        (name, seed): [json.dumps(changes), f"runtime.seed={seed}", *overrides]
        for seed in chosen.seeds
        for name, changes in chosen.runs.items()
    }
    for given in settings.values():  # better fails now than after hours
        task = load_config(chosen.experiment, overrides=given).task
        source = open_source(task)
        for split in (task.train_data.split, task.validation_data.split):
            source.num_clips(split)
    stem = Path(study).stem
    jobs = {
        f"{name} {seed} ": functools.partial(
            run_experiment,
            "train_and_eval",
            work_dir / f"{folder_name(name)}_{seed}",
            experiment=chosen.experiment,
            overrides=given,
        )
        for (name, seed), given in settings.items()
    }
    measured = run_side_by_side(jobs)
    rows = summarise(
        {
            name: [measured[f"{name} {seed} "] for seed in chosen.seeds]
            for name in chosen.runs
        }
    )
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
    text = f"{_heading(chosen, overrides)}\n\n{as_markdown(rows)}"
    return write_report(output_dir, stem, values, text)


def _heading(chosen: Study, overrides: Sequence[str]) -> str:
    seeds = ", ".join(map(str, chosen.seeds))
    return "\n".join(
        [
            f"{chosen.title}: experiment `{chosen.experiment}`, mean ± standard "
            f"deviation of the seeds {seeds}.",
            *(f"With `{override}`." for override in overrides),
        ]
    )
