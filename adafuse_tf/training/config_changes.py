"""What differs between two configurations, and which of it counts in an evaluation."""

from adafuse_tf.training.config import ExperimentConfig
from adafuse_tf.training.errors import ConfigError

# The rest, such as the model, its preprocessing and its cost, is as it was trained.
_COUNT_IN_EVALUATION = (
    "task.data_dir",
    "task.source",
    "task.max_bad",
    "task.validation_data.",
    "runtime.",
)
# What a run goes on with may differ: it changes nothing that has been learned.
_MAY_CHANGE_ON_GOING_ON = (
    "task.max_bad",
    "trainer.max_bad_steps",
    "trainer.save_every_steps",
)
_SAME_METRICS = ("task.validation_data.batch_size", "task.validation_data.cache")


def changes(old: ExperimentConfig, new: ExperimentConfig) -> dict[str, str]:
    """What differs, by its dotted key, as `"a.b=1, was 2"`."""
    found = _differences(old.model_dump(), new.model_dump())
    return {key: f"{key}={new!r}, was {old!r}" for key, old, new in found}


def changes_of_metrics(
    trained: ExperimentConfig, config: ExperimentConfig
) -> list[str]:
    """What may give a model other metrics than its run, each as `changes` has it."""
    found = changes(trained, config)
    same = (*_MAY_CHANGE_ON_GOING_ON, *_SAME_METRICS)
    return [change for key, change in found.items() if key not in same]


def is_same_run(started: ExperimentConfig, config: ExperimentConfig) -> bool:
    """Whether a run may go on with a configuration."""
    return all(key in _MAY_CHANGE_ON_GOING_ON for key in changes(started, config))


def check_same_run(
    folder: str, started: ExperimentConfig, config: ExperimentConfig
) -> None:
    """Raises ConfigError where a run that goes on in a folder would mix two."""
    found = changes(started, config)
    refused = [found[k] for k in found if k not in _MAY_CHANGE_ON_GOING_ON]
    if refused:
        raise ConfigError(
            f"{folder} holds a run of another configuration; take a new --model_dir, "
            "or the old settings to go on with it. Only "
            f"{', '.join(_MAY_CHANGE_ON_GOING_ON)} may differ. "
            f"Received: {'; '.join(refused)}"
        )


def check_evaluation(trained: ExperimentConfig, config: ExperimentConfig) -> None:
    """Raises ConfigError where `config` changes what a trained model has settled."""
    found = changes(trained, config)
    refused = [found[k] for k in found if not k.startswith(_COUNT_IN_EVALUATION)]
    if refused:
        allowed = ", ".join(key.rstrip(".") for key in _COUNT_IN_EVALUATION)
        raise ConfigError(
            f"An evaluation takes other settings for {allowed} only; leave out the "
            f"rest, which is as the model was trained. Received: {'; '.join(refused)}"
        )


def _differences(old: dict, new: dict, prefix: str = "") -> list[tuple]:
    found = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            found += _differences(before, after, f"{prefix}{key}.")
        elif before != after:
            found.append((prefix + key, before, after))
    return found
