"""What becomes of a run whose loss or weights are NaN or infinite."""

import contextlib
import math
import sys
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
from keras import ops

from adafuse_tf.training.errors import NonFiniteLossError
from adafuse_tf.training.run_state import RunState, state_variables
from adafuse_tf.training.schedules import Schedule

# Looking at all weights takes a small part of a step.
_STEPS_BETWEEN_LOOKS = 20


class StopOnNonFiniteLoss(keras.callbacks.Callback):
    """Ends a run whose loss or weights are NaN or infinite, before checkpoints are.

    A few such steps may be passed over instead: the model goes back to what was saved
    last; the data and what follows their place, such as the learning rate, do not.

    Args:
        state: what the run can go on from.
        names_of_step: from epochs and steps before a step to the names of its clips.
        max_bad_steps: how many steps to pass over.
        schedules: what has changed the model besides its steps, and does so again.
        save_every_steps: how often the state is saved within an epoch, if at all;
            nothing is saved without a look at the weights.
    """

    def __init__(
        self,
        state: RunState,
        names_of_step: Callable[[int, int], Sequence[str]],
        max_bad_steps: int = 0,
        schedules: Sequence[Schedule] = (),
        save_every_steps: int | None = None,
    ):
        super().__init__()
        self._state = state
        self._names_of_step = names_of_step
        self._left = max_bad_steps
        self._schedules = schedules
        self._looks = [_STEPS_BETWEEN_LOOKS]
        if save_every_steps is not None:
            self._looks.append(save_every_steps)
        self._start = (state.epoch, state.step)
        self._epoch = state.epoch

    def on_train_begin(self, logs=None):
        """Keeps the weights of the start, where there may be a need to go back."""
        if self._left and not self._state.exists:
            self._state.save(self.model, 0, 0, write=False)

    def on_epoch_begin(self, epoch, logs=None):
        """Notes the epoch for the message."""
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Raises NonFiniteLossError where the loss's running mean or a weight is lost.

        Weights are looked at now and then: layers such as ReLU may hide them.
        """
        step = batch + (self._start[1] if self._epoch == self._start[0] else 0)
        loss = (logs or {}).get("loss", 0.0)
        where = f"in epoch {self._epoch + 1}, step {step + 1}; "
        if not math.isfinite(loss):
            names = "; ".join(self._names_of_step(self._epoch, step)) or "unknown"
            about = f"Its clips: {names}. Received: loss={loss}"
            self._go_back_or_stop(f"The loss is not finite {where}", about)
        elif any((step + 1) % steps == 0 for steps in self._looks):
            self._look_at_weights(where, loss)

    def on_epoch_end(self, epoch, logs=None):
        """Looks at the weights, which are about to be saved."""
        loss = (logs or {}).get("loss")
        self._look_at_weights(f"at the end of epoch {epoch + 1}; ", loss)

    def _look_at_weights(self, where: str, loss: float | None) -> None:
        spoilt = _first_not_finite(self.model)
        if spoilt is not None:
            about = (
                f"They were at most {_STEPS_BETWEEN_LOOKS} steps before. "
                f"Received: {spoilt}, with loss={loss}"
            )
            self._go_back_or_stop(f"Weights are not finite {where}", about)

    def _go_back_or_stop(self, what: str, about: str) -> None:
        about = f"{self._last_good()} {about}"
        if not self._left:
            raise NonFiniteLossError(
                f"{what}lower trainer.optimizer.learning_rate, add warmup_epochs or "
                "set clip_norm, in a new --model_dir, or pass over such steps with "
                f"trainer.max_bad_steps. {about}"
            )
        self._left -= 1
        self._go_back()
        print(f"{what}going back. {about}", file=sys.stderr, flush=True)

    def _go_back(self) -> None:
        saved = self._state
        with _count_kept(self.model.optimizer):
            saved.restore(self.model)
        self.model.reset_metrics()
        if saved.step:
            saved.add_metrics(self.model)
        for schedule in self._schedules:
            schedule.on_going_back(self._epoch, saved.step)

    def _last_good(self) -> str:
        state = self._state
        if not state.exists:
            return "There is no checkpoint from before."
        if not state.epoch and not state.step:
            return "The last good weights are those of the start."
        after = f", step {state.step} of the next" if state.step else ""
        return f"The last good checkpoint is that of epoch {state.epoch}{after}."


def _first_not_finite(model: keras.Model) -> str | None:
    """The path of a weight, or of what the optimizer keeps of it."""
    weights = [
        v for v in state_variables(model) if keras.backend.is_float_dtype(v.dtype)
    ]
    # One answer for all: to wait for a device once per weight takes longer than a look.
    finite = ops.stack([ops.all(ops.isfinite(weight)) for weight in weights])
    spoilt = np.flatnonzero(~ops.convert_to_numpy(finite))
    return weights[spoilt[0]].path if spoilt.size else None


@contextlib.contextmanager
def _count_kept(optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Keeps the number of steps, which the learning rate follows, as it is."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    count = optimizer._iterations
    before = _as_int(count)
    yield
    # Gradients that have been added up are a part of their sum: as many steps of the
    # next change of the weights must seem done as before the steps that are undone.
    undone = before - _as_int(count)
    count.assign(before - undone % (optimizer.gradient_accumulation_steps or 1))


def _as_int(variable: keras.Variable) -> int:
    # `int()` does not know what lies on several devices.
    return int(ops.convert_to_numpy(variable))
