"""Trains and measures every run of a study with every seed."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path

from adafuse_tf.experiments.plot import draw_study
from adafuse_tf.experiments.study import read_study
from adafuse_tf.experiments.summary import as_markdown, summarise
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
        ConfigError, FileNotFoundError: see `read_study`.
    """
    chosen = read_study(study)
    work_dir, output_dir = Path(work_dir), Path(output_dir)
    jobs = {
        f"{name} {seed} ": functools.partial(
            run_experiment,
            "train_and_eval",
            work_dir / f"{_folder(name)}_{seed}",
            experiment=chosen.experiment,
            overrides=[
                json.dumps(settings),
                f"runtime.seed={seed}",
                *overrides,
            ],
        )
        for seed in chosen.seeds
        for name, settings in chosen.runs.items()
    }
    measured = run_side_by_side(jobs)
    rows = summarise(
        {
            name: [measured[f"{name} {seed} "] for seed in chosen.seeds]
            for name in chosen.runs
        }
    )
    output_dir.mkdir(parents=True, exist_ok=True)
    stem = output_dir / Path(study).stem
    values = {"title": chosen.title, "seeds": chosen.seeds, "rows": rows}
    stem.with_suffix(".json").write_text(json.dumps(values, indent=2) + "\n")
    draw_study(rows, chosen.title, chosen.baselines, stem.with_suffix(".png"))
    text = as_markdown(rows)
    stem.with_suffix(".md").write_text(text + "\n")
    return text


def _folder(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name.lower())
