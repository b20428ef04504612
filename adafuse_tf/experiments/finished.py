"""Runs of a study that need nothing more."""

import json
from pathlib import Path

from adafuse_tf.training import ModelDir
from adafuse_tf.training.config import ExperimentConfig
from adafuse_tf.training.config_changes import is_same_run


def finished_metrics(folder: Path, config: ExperimentConfig) -> dict | None:
    """What `metrics.json` says, if the run is over and was measured since.

    Args:
        folder: the run's `model_dir`.
        config: what it should have been trained with.
    """
    run = ModelDir(folder)
    last = run.checkpoint("last")
    if not (run.params.is_file() and run.metrics.is_file() and last.is_file()):
        return None
    if run.state.is_file() or not is_same_run(run.read_config(), config):
        return None
    # Not those of former weights, of the best ones, or on other data.
    if run.metrics.stat().st_mtime < last.stat().st_mtime:
        return None
    metrics = json.loads(run.metrics.read_text(encoding="utf-8"))
    if metrics["checkpoint"] != "last" or metrics.get("other_settings"):
        return None
    return metrics
