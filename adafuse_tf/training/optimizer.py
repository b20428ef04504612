"""The optimizer of an experiment and its learning rate over time."""

from collections.abc import Iterable, Mapping

import keras
from keras import ops

from adafuse_tf.training.config import OptimizerConfig

# Normalisation and biases are left alone by weight decay, as in the published recipe.
_NOT_DECAYED = ("bias", "gamma", "beta")


class _Recipe:
    """What a recipe asks for and Keras' optimizers lack."""

    _multipliers: Mapping[str, float] = {}

    def multiply_learning_rate(self, variables: Iterable, multiplier: float) -> None:
        """Multiplies the rate of `variables`, also by what it was multiplied with.

        The rate itself is scaled, not the gradient: Adam would undo the latter.
        """
        factors = dict(self._multipliers)
        # Once each: policies that share a layer name its variables several times.
        for key in {self._var_key(variable) for variable in variables}:
            factors[key] = factors.get(key, 1.0) * float(multiplier)
        self._multipliers = factors

    def update_step(self, gradient, variable, learning_rate):
        factor = self._multipliers.get(self._var_key(variable))
        if factor is not None:
            learning_rate = learning_rate * factor
        return super().update_step(gradient, variable, learning_rate)

    # Keras clips what each device adds to the gradient. Clipped here is their sum, so
    # that several devices do what one does.

    def _clip_gradients(self, grads):
        return grads

    def _all_reduce_sum_gradients(self, grads_and_vars):
        reduced = super()._all_reduce_sum_gradients(grads_and_vars)
        gradients = super()._clip_gradients([gradient for gradient, _ in reduced])
        variables = (variable for _, variable in reduced)
        return list(zip(gradients, variables, strict=True))


class SGD(_Recipe, keras.optimizers.SGD):
    """`keras.optimizers.SGD` whose weight decay is an L2 penalty.

    `weight_decay` times the weights is added to the clipped gradient, before momentum,
    as PyTorch does and published recipes mean it; Keras shrinks the weights instead.
    """

    def _apply_weight_decay(self, variables):
        """Leaves the weights alone: `update_step` changes the gradient."""

    def update_step(self, gradient, variable, learning_rate):
        if self.weight_decay and self._use_weight_decay(variable):
            gradient = gradient + ops.cast(self.weight_decay, variable.dtype) * variable
        return super().update_step(gradient, variable, learning_rate)


class AdamW(_Recipe, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` with a rate per variable, clipped as a whole."""


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
    }
    if config.name == "sgd":
        optimizer = SGD(momentum=config.momentum, **arguments)
    else:
        optimizer = AdamW(**arguments)
    optimizer.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    biases = [variable for variable in variables if variable.name == "bias"]
    for group, multiplier in (
        (biases, config.bias_learning_rate_multiplier),
        (gate_variables, config.gate_learning_rate_multiplier),
    ):
        if multiplier != 1.0:
            optimizer.multiply_learning_rate(group, multiplier)
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
