"""What `train/train.py` does."""

from collections.abc import Sequence
from pathlib import Path

from adafuse_tf import files
from adafuse_tf.training import callbacks
from adafuse_tf.training.config_loading import load_config
from adafuse_tf.training.experiment import Experiment
from adafuse_tf.training.model_dir import ModelDir
from adafuse_tf.training.runtime import cluster_of


def run_experiment(
    mode: str,
    model_dir: files.PathLike,
    experiment: str | None = None,
    config_files: Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
) -> dict | None:
    """Trains, evaluates, or both.

    Args:
        mode: `"train"`, `"eval"` or `"train_and_eval"`. With `"eval"` the settings that
            the model was trained with come first, so only changes need be given.
        model_dir: the folder of the run, or its URL.
        experiment, config_files, overrides: see `load_config`.

    Returns:
        The metrics; after `"train"` alone, those of the last epoch. `None` where
        another process of the run measures and writes.
    """
    if mode == "eval":
        folder = ModelDir(model_dir)
        folder.fetch(folder.params)
        folder.read_config()  # raises if this is no model_dir
        config_files = [folder.params, *config_files]
    config = load_config(experiment, config_files, overrides)
    run = Experiment(config, model_dir)
    if mode != "eval":
        run.train()
        if not cluster_of(config.runtime).is_chief:
            return None
    if mode == "train":
        return callbacks.read_history(run.folder.history)[-1]
    return run.evaluate()
