"""The optimizer of an experiment and its learning rate over time."""

from collections.abc import Iterable

import keras

from adafuse_tf.optimizers import SGD, AdamW, LinearWarmup
from adafuse_tf.training.config import OptimizerConfig

# Normalisation and biases are left alone by weight decay, as in the published recipe.
_NOT_DECAYED = ("bias", "gamma", "beta")


def build_optimizer(
    config: OptimizerConfig,
    steps_per_epoch: int,
    epochs: int,
    variables: Iterable = (),
    gate_variables: Iterable = (),
) -> keras.optimizers.Optimizer:
    """Builds the optimizer that `config` describes.

    Args:
        config: the `trainer.optimizer` part of an experiment.
        steps_per_epoch, epochs: length of the run, which schedules are a share of.
        variables: those to train; `bias_learning_rate_multiplier` is for the biases
            among them.
        gate_variables: those that `gate_learning_rate_multiplier` is for.
    """
    rate = build_learning_rate(config, steps_per_epoch, epochs)
    arguments = {
        "learning_rate": rate,
        "global_clipnorm": config.clip_norm,
        "weight_decay": config.weight_decay,
        # Keras takes no 1 here.
        "gradient_accumulation_steps": (
            config.gradient_accumulation_steps
            if config.gradient_accumulation_steps > 1
            else None
        ),
        "learning_rate_multipliers": _multipliers(config, variables, gate_variables),
        "weight_decay_exclusions": _NOT_DECAYED,
    }
    if config.name == "sgd":
        return SGD(momentum=config.momentum, **arguments)
    return AdamW(**arguments)


def _multipliers(config, variables, gate_variables) -> dict[str, float]:
    biases = [variable for variable in variables if variable.name == "bias"]
    factors: dict[str, float] = {}
    for group, multiplier in (
        (biases, config.bias_learning_rate_multiplier),
        (gate_variables, config.gate_learning_rate_multiplier),
    ):
        if multiplier != 1.0:
            # Once each: policies that share a layer name its variables several times.
            for path in dict.fromkeys(variable.path for variable in group):
                factors[path] = factors.get(path, 1.0) * multiplier
    return factors


def build_learning_rate(
    config: OptimizerConfig, steps_per_epoch: int, epochs: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate as a function of the step."""
    schedules = keras.optimizers.schedules
    total = steps_per_epoch * epochs
    rate = config.learning_rate
    if config.schedule == "cosine":
        schedule = schedules.CosineDecay(rate, total)
    else:
        shares = config.steps if config.schedule == "step" else ()
        # A boundary is the last step of the old rate.
        boundaries = [round(share * total) - 1 for share in shares]
        rates = [rate * config.step_factor**i for i in range(len(boundaries) + 1)]
        # Without a boundary Keras asks for one all the same; this one is never met.
        schedule = schedules.PiecewiseConstantDecay(
            boundaries or [total], rates if boundaries else [rate, rate]
        )
    warmup_steps = round(config.warmup_epochs * steps_per_epoch)
    return LinearWarmup(schedule, warmup_steps) if warmup_steps else schedule
