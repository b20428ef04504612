"""The optimizer of an experiment and its learning rate over time."""

from collections.abc import Iterable

import keras
from keras import ops

from adafuse_tf.training.config import OptimizerConfig

# Normalisation and biases are left alone by weight decay, as in the published recipe.
_NOT_DECAYED = ("bias", "gamma", "beta")


class _WithMultiplier:
    """Gives some variables another learning rate.

    The rate itself is scaled, not the gradient: Adam would undo the latter.
    """

    _multiplied = frozenset()
    _multiplier = 1.0

    def multiply_learning_rate(self, variables: Iterable, multiplier: float) -> None:
        """Sets the rate of `variables` to `multiplier` times that of the others."""
        self._multiplied = frozenset(self._var_key(v) for v in variables)
        self._multiplier = float(multiplier)

    def update_step(self, gradient, variable, learning_rate):
        if self._var_key(variable) in self._multiplied:
            learning_rate = learning_rate * self._multiplier
        return super().update_step(gradient, variable, learning_rate)


class SGD(_WithMultiplier, keras.optimizers.SGD):
    """`keras.optimizers.SGD` with a second learning rate."""


class AdamW(_WithMultiplier, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` with a second learning rate."""


class LinearWarmup(keras.optimizers.schedules.LearningRateSchedule):
    """Lets another schedule's rate climb from 0 in the first `warmup_steps` steps."""

    def __init__(self, schedule, warmup_steps: int):
        self.schedule = schedule
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        climbed = (ops.cast(step, "float32") + 1.0) / self.warmup_steps
        return self.schedule(step) * ops.minimum(climbed, 1.0)

    def get_config(self):
        schedule = keras.saving.serialize_keras_object(self.schedule)
        return {"schedule": schedule, "warmup_steps": self.warmup_steps}


def build_optimizer(
    config: OptimizerConfig,
    steps_per_epoch: int,
    epochs: int,
    gate_variables: Iterable = (),
) -> keras.optimizers.Optimizer:
    """Builds the optimizer that `config` describes.

    Args:
        config: the `trainer.optimizer` part of an experiment.
        steps_per_epoch, epochs: length of the run, which schedules are a share of.
        gate_variables: the variables that `gate_learning_rate_multiplier` is for.
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
    }
    if config.name == "sgd":
        optimizer = SGD(momentum=config.momentum, **arguments)
    else:
        optimizer = AdamW(**arguments)
    optimizer.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    if config.gate_learning_rate_multiplier != 1.0:
        optimizer.multiply_learning_rate(
            gate_variables, config.gate_learning_rate_multiplier
        )
    return optimizer


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
