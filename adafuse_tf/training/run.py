"""What `train/train.py` does."""

from collections.abc import Sequence
from pathlib import Path

from adafuse_tf import files
from adafuse_tf.training import callbacks
from adafuse_tf.training.config import ExperimentConfig
from adafuse_tf.training.config_changes import check_evaluation
from adafuse_tf.training.config_loading import load_config
from adafuse_tf.training.errors import ConfigError
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
        mode: `"train"`, `"eval"` or `"train_and_eval"`. `"eval"` takes the settings
            that the model was trained with; only those of the data to measure on and
            of the runtime may be given anew, and no experiment.
        model_dir: the folder of the run, or its URL.
        experiment, config_files, overrides: see `load_config`.

    Returns:
        The metrics; after `"train"` alone, those of the last epoch. `None` where
        another process of the run measures and writes.

    Raises:
        ConfigError: a setting is not valid, or would not count with `"eval"`.
        ModelDirError: with `"eval"`, nothing has been trained in the folder.
        FileNotFoundError: a file, an experiment or the data set is not there.
        SystemExit: with code 143, after SIGTERM; the same call goes on.
        NonFiniteLossError, LostWorkerError, WriteError, DataError: see
            `Experiment.train`.
    """
    if mode == "eval":
        config = _evaluation_config(model_dir, experiment, config_files, overrides)
    else:
        config = load_config(experiment, config_files, overrides)
    run = Experiment(config, model_dir)
    if mode != "eval":
        run.train()
        if not cluster_of(config.runtime).is_chief:
            return None
    if mode == "train":
        return callbacks.read_history(run.folder.history)[-1]
    return run.evaluate()


def _evaluation_config(
    model_dir, experiment, config_files, overrides
) -> ExperimentConfig:
    folder = ModelDir(model_dir)
    folder.fetch(folder.params)
    trained = folder.read_config()
    if experiment is not None:
        raise ConfigError(
            "An evaluation takes the settings that the model was trained with; leave "
            f"the experiment out. Received: experiment={experiment!r}"
        )
    config = load_config(None, [folder.params, *config_files], overrides)
    check_evaluation(trained, config)
    return config
