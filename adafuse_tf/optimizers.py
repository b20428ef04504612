"""Optimizers of published recipes; a model that has one is saved and trains on.

What Keras' own lack is a learning rate per variable that comes back from
`keras.models.load_model`, weight decay as PyTorch has it, and clipping and loss scaling
that do on several devices what they do on one.
"""

import collections
from collections.abc import Iterable, Mapping, Sequence

import keras
import tensorflow as tf
from keras import ops


class _Recipe:
    """What all recipes ask for. A mixin, left of one of Keras' optimizers."""

    def __init__(
        self,
        *args,
        learning_rate_multipliers: Mapping[str, float] | Sequence[float] = (),
        weight_decay_exclusions: Iterable[str] = (),
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.learning_rate_multipliers = _checked(learning_rate_multipliers or ())
        self._set_exclusions(weight_decay_exclusions)
        # Found when the optimizer is built, by the keys that variables have here.
        self._multipliers = {}
        self._not_decayed = frozenset()

    def build(self, variables):
        """Makes the slots, and finds the variables that arguments are about.

        Raises:
            ValueError: no variable has the path of a multiplier, or several have it.
        """
        if self.built:
            return
        multipliers = _per_variable(self.learning_rate_multipliers, variables)
        super().build(variables)
        keys = [self._var_key(variable) for variable in variables]
        # Not as many where layers were frozen before the model was saved. It must load
        # all the same, but is not to be trained at other rates.
        fit = len(multipliers) == len(keys)
        self._multipliers = dict(zip(keys, multipliers, strict=True)) if fit else None
        self._not_decayed = frozenset(
            key
            for key, variable in zip(keys, variables, strict=True)
            if any(text in variable.name for text in self.weight_decay_exclusions)
        )

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Takes the place of `weight_decay_exclusions`, which are names only."""
        if var_list or self.built:
            raise ValueError(
                "Give `var_names`, which can be saved, before the optimizer is built. "
                f"Received: {len(var_list or ())} variables, built={self.built}"
            )
        self._set_exclusions(var_names or ())

    def _set_exclusions(self, names: Iterable[str]) -> None:
        if isinstance(names, str):
            raise ValueError(
                "`weight_decay_exclusions` must be several strings, such as ['bias']. "
                f"Received: {names!r}"
            )
        self.weight_decay_exclusions = list(names)

    def _use_weight_decay(self, variable):
        return self._var_key(variable) not in self._not_decayed

    def update_step(self, gradient, variable, learning_rate):
        # The rate itself is scaled, not the gradient: Adam would undo the latter.
        if self._multipliers is None:
            raise ValueError(
                "`learning_rate_multipliers` must be as many as the variables that are "
                "trained: the model was saved with others; compile it anew. Received: "
                f"{len(self.learning_rate_multipliers)} for "
                f"{len(self._trainable_variables)} variables"
            )
        multiplier = self._multipliers[self._var_key(variable)]
        if multiplier != 1:
            learning_rate = learning_rate * multiplier
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

    def get_config(self):
        multipliers = self.learning_rate_multipliers
        if multipliers and self._multipliers:
            # By place, as the slots are saved: Keras builds the layers within layers of
            # a loaded model on their own, which gives their variables other paths.
            multipliers = list(self._multipliers.values())
        return {
            **super().get_config(),
            "learning_rate_multipliers": _checked(multipliers),
            "weight_decay_exclusions": list(self.weight_decay_exclusions),
        }


@keras.saving.register_keras_serializable(package="adafuse_tf")
class SGD(_Recipe, keras.optimizers.SGD):
    """`keras.optimizers.SGD` whose weight decay is an L2 penalty.

    `weight_decay` times the weights is added to the clipped gradient, before momentum,
    as PyTorch does and published recipes mean it; Keras shrinks the weights instead.

    Args:
        learning_rate_multipliers: what the learning rates of variables are multiplied
            by: `path` of a variable to number, 1 for the others, or as many numbers as
            the optimizer is built with variables.
        weight_decay_exclusions: variables whose name contains one of these strings are
            not decayed, such as `["bias", "gamma", "beta"]`.
        *args, **kwargs: those of `keras.optimizers.SGD`. Gradients are clipped after
            those of all devices have been added up.

    Raises:
        ValueError: an argument out of its range; when the optimizer is built, a path
            that no variable has; in the first step, another number of multipliers than
            of variables.
    """

    def _apply_weight_decay(self, variables):
        """Leaves the weights alone: `update_step` changes the gradient."""

    def update_step(self, gradient, variable, learning_rate):
        if self.weight_decay and self._use_weight_decay(variable):
            gradient = gradient + ops.cast(self.weight_decay, variable.dtype) * variable
        return super().update_step(gradient, variable, learning_rate)


@keras.saving.register_keras_serializable(package="adafuse_tf")
class AdamW(_Recipe, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` with a learning rate per variable, clipped as a whole.

    Args:
        learning_rate_multipliers, weight_decay_exclusions: see `SGD`.
        *args, **kwargs: those of `keras.optimizers.AdamW`.
    """


@keras.saving.register_keras_serializable(package="adafuse_tf")
class LossScaleOptimizer(keras.optimizers.LossScaleOptimizer):
    """`keras.optimizers.LossScaleOptimizer` whose devices agree on an overflow.

    Keras takes the first device's word for it, though each has gradients of its own
    part of the batch: an overflow on another one would end in the weights.
    """

    def check_finite(self, grads):
        """Whether the gradients of all devices are finite, as a boolean scalar."""
        finite = super().check_finite(grads)
        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return finite
        overflows = tf.cast(~finite, tf.float32)
        return tf.equal(context.all_reduce(tf.distribute.ReduceOp.SUM, overflows), 0)


@keras.saving.register_keras_serializable(package="adafuse_tf")
class LinearWarmup(keras.optimizers.schedules.LearningRateSchedule):
    """Lets another schedule's rate climb from 0 in the first steps.

    Args:
        schedule: a `keras.optimizers.schedules.LearningRateSchedule`.
        warmup_steps: number of steps until the rate is that of `schedule`, at least 1.

    Raises:
        ValueError: fewer steps than 1.
    """

    def __init__(self, schedule, warmup_steps: int):
        if warmup_steps < 1:
            raise ValueError(
                f"`warmup_steps` must be at least 1. Received: {warmup_steps}"
            )
        self.schedule = schedule
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        climbed = (ops.cast(step, "float32") + 1.0) / self.warmup_steps
        return self.schedule(step) * ops.minimum(climbed, 1.0)

    def get_config(self):
        schedule = keras.saving.serialize_keras_object(self.schedule)
        return {"schedule": schedule, "warmup_steps": self.warmup_steps}

    @classmethod
    def from_config(cls, config):
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["warmup_steps"])


def _checked(multipliers: Mapping | Sequence) -> dict | list:
    by_path = isinstance(multipliers, Mapping)
    numbers = [float(n) for n in (multipliers.values() if by_path else multipliers)]
    wrong = [number for number in numbers if not 0 <= number < float("inf")]
    if wrong:
        raise ValueError(
            "`learning_rate_multipliers` must be finite and at least 0. "
            f"Received: {wrong[0]}"
        )
    return dict(zip(multipliers, numbers, strict=True)) if by_path else numbers


def _per_variable(multipliers: Mapping | Sequence, variables) -> list[float]:
    """The multiplier of each variable, in their order."""
    if not multipliers:
        return [1.0] * len(variables)
    if not isinstance(multipliers, Mapping):
        return list(multipliers)
    found = collections.Counter(variable.path for variable in variables)
    for path in multipliers:
        if found[path] != 1:
            raise ValueError(
                "`learning_rate_multipliers` must name variables that are trained, "
                f"each by a `path` that no other has. Received: {path!r}, the path of "
                f"{found[path]} of {len(variables)} variables"
            )
    return [multipliers.get(variable.path, 1.0) for variable in variables]
