"""Numbers that change while a model trains, apart from the learning rate."""

import abc
from collections.abc import Callable

import keras
from keras import ops

from adafuse_tf.layers.actions import ACTIONS, KEEP
from adafuse_tf.training.config import FlopsLossConfig, GumbelConfig

# A logit this much above the others: p(other) is below the policy's floor of 1e-8, so
# noise never changes the choice and no gradient reaches the policy.
_CERTAIN = 20.0


class Schedule(keras.callbacks.Callback, abc.ABC):
    """Changes a model by the place of the run, besides what the steps do."""

    @abc.abstractmethod
    def on_going_back(self, epoch: int, step: int) -> None:
        """Changes the model as it should be, after it got former values.

        Args:
            epoch: the present epoch.
            step: steps of this epoch that the values have seen; those of 0 steps are
                from before `on_epoch_begin`.
        """


class ScheduleByProgress(Schedule):
    """Assigns variables before each training step.

    The progress of a run goes from 0 at its first step to 1 at its last. A resumed run
    goes on where it stopped, since nothing but the epoch and the step is counted.

    Args:
        name: what the epoch's logs call the value.
        variables: scalar `keras.Variable`s; all get the same value.
        value: progress -> value.
        steps_per_epoch, epochs: length of the run.
        start: epochs, and further steps, that are behind a resumed run.
    """

    def __init__(
        self,
        name: str,
        variables: list,
        value: Callable[[float], float],
        steps_per_epoch: int,
        epochs: int,
        start: tuple[int, int] = (0, 0),
    ):
        super().__init__()
        self._start = start
        self._name = name
        self._variables = variables
        self._value = value
        self._steps_per_epoch = steps_per_epoch
        self._last_step = max(1, steps_per_epoch * epochs - 1)
        self._epoch = 0
        self._assigned = None

    def on_epoch_begin(self, epoch, logs=None):
        """Notes the epoch; restored weights may have brought other values."""
        self._epoch = epoch
        self._assigned = None

    def on_train_batch_begin(self, batch, logs=None):
        """Assigns the value of this step where it differs from the last one's."""
        step = self._epoch * self._steps_per_epoch + batch
        if self._epoch == self._start[0]:
            step += self._start[1]
        value = self._value(step / self._last_step)
        if value != self._assigned:
            self._assign(value)

    def on_going_back(self, epoch, step):
        """Assigns the value of the present step again."""
        self._assign(self._assigned)

    def on_epoch_end(self, epoch, logs=None):
        """Reports the value of the epoch's last step."""
        logs[self._name] = self._assigned

    def _assign(self, value: float) -> None:
        for variable in self._variables:
            variable.assign(value)
        self._assigned = value


class DenseWarmup(Schedule):
    """Makes every gate keep all channels in the first epochs.

    The policy networks' last bias prefers "keep" so much that neither the noise nor the
    cost can change it. When the warm-up ends the bias still leans towards "keep" by
    `lead`: a network that works is not shaken, and the cost then pulls channel by
    channel.

    Args:
        policies: `LearnedPolicy` layers; where some share weights, these shift once.
        epochs: number of epochs to keep everything.
        lead: logit of "keep" above the others when the warm-up ends.
    """

    def __init__(self, policies: list, epochs: int, lead: float = 0.0):
        super().__init__()
        self._policies = list({id(p.output_dense): p for p in policies}.values())
        self._epochs = epochs
        self._lead = lead

    def on_epoch_begin(self, epoch, logs=None):
        """Shifts the bias at the two ends of the warm-up."""
        # Other epochs find the bias as it should be, also after a resume: the state
        # holds the bias of the end of the epoch before, or is restored after this.
        if epoch == 0:
            self._shift(_CERTAIN)
        elif epoch == self._epochs:
            self._shift(self._lead - _CERTAIN)

    def on_going_back(self, epoch, step):
        """Shifts the bias again if it is that of the end of the epoch before."""
        if not step:
            self.on_epoch_begin(epoch)

    def _shift(self, amount: float) -> None:
        for policy in self._policies:
            bias = policy.output_dense.bias
            keep = policy.actions.index(ACTIONS[KEEP])
            columns = ops.arange(bias.shape[0]) % len(policy.actions)
            bias.assign(bias + amount * ops.cast(columns == keep, bias.dtype))


def noise_scale(config: GumbelConfig) -> Callable[[float], float]:
    """Progress -> factor on the Gumbel noise, linear between the two shares."""

    def value(progress):
        done = _ramp(progress, config.decay_from, config.decay_until)
        return config.noise_start + done * (config.noise_end - config.noise_start)

    return value


def flops_weight(config: FlopsLossConfig) -> Callable[[float], float]:
    """Progress -> weight of the FLOPs loss: 0 until `start`, then a linear warm-up."""

    def value(progress):
        if progress < config.start:
            return 0.0
        return config.weight * _ramp(
            progress, config.start, config.start + config.warmup
        )

    return value


def _ramp(progress: float, start: float, end: float) -> float:
    if end <= start:
        return float(progress >= start)
    return min(max((progress - start) / (end - start), 0.0), 1.0)
