"""All that a run goes on from, in one file."""

import json
from collections.abc import Mapping
from pathlib import Path

import h5py
import keras
import numpy as np

from adafuse_tf.training.errors import ModelDirError, NonFiniteLossError
from adafuse_tf.training.whole_files import written_whole


class RunState:
    """The state of a run between two steps: place, weights, optimizer, random streams.

    It is one file that is replaced as a whole, so its parts always go together.

    Args:
        path: the file; it need not exist.

    Attributes:
        epoch: whole epochs that are done; 0 without a file.
        step: further steps that are done.
        exists: whether there is something to go on from: a file or what was saved.
        unmeasured: the logs of the last whole epoch, where it has been trained and
            perhaps not been measured; else `None`.
    """

    def __init__(self, path: Path):
        self.path = path
        self.exists = path.is_file()
        self.epoch = self.step = 0
        self.unmeasured: dict[str, float] | None = None
        self._values: list[np.ndarray] = []
        self._sums: list[np.ndarray] = []
        if self.exists:
            try:
                with h5py.File(path) as file:
                    self.epoch = int(file.attrs["epoch"])
                    self.step = int(file.attrs["step"])
                    self.unmeasured = json.loads(file.attrs.get("logs", "null"))
                    self._values = _read(file["variables"])
                    self._sums = _read(file["metrics"])
            except (OSError, KeyError) as error:
                raise ModelDirError(
                    f"{path} is damaged; remove it to begin the run again. "
                    f"Received: {error}"
                ) from None

    def restore(self, model: keras.Model) -> None:
        """Gives a compiled model of the same run the values that were saved last.

        Raises:
            ModelDirError: it has other variables.
        """
        self._check(state_variables(model), self._values)
        for variable, value in zip(state_variables(model), self._values, strict=True):
            variable.assign(value)

    def add_metrics(self, model: keras.Model) -> None:
        """Adds the epoch's metrics until then; the model must have done a step since.

        Keras makes their variables in the first step, and all of them are sums.
        """
        self._check(model.metrics_variables, self._sums)
        for variable, value in zip(model.metrics_variables, self._sums, strict=True):
            variable.assign(keras.ops.convert_to_numpy(variable) + value)

    def save(
        self,
        model: keras.Model,
        epoch: int,
        step: int,
        write: bool,
        logs: Mapping[str, float] | None = None,
    ) -> None:
        """Writes the model's present state.

        Args:
            model: a compiled model.
            epoch, step: what is done.
            write: whether this process writes; all must call, since they have metrics
                of their parts of the batches to add up, and go back together.
            logs: of an epoch that has ended; who goes on from here measures it first.

        Raises:
            NonFiniteLossError: a value is NaN or infinite; the former file stays.
            WriteError: it cannot be written; likewise.
        """
        values = _numbers(state_variables(model))
        spoilt = [
            v.path
            for v, n in zip(state_variables(model), values, strict=True)
            if not np.isfinite(n).all()
        ]
        if spoilt:
            raise NonFiniteLossError(
                f"Weights are not finite after {epoch} epochs and {step} steps; "
                f"{self.path}, if it is there, is good. Received: {spoilt[0]}"
            )
        sums = _numbers(model.metrics_variables) if step else []
        self.epoch, self.step, self.exists = epoch, step, True
        # Not read back from the file, which other workers may not see.
        self._values, self._sums = values, sums
        if write:
            with written_whole(self.path) as path, h5py.File(path, "w") as file:
                file.attrs.update(epoch=epoch, step=step, logs=json.dumps(logs))
                for name, arrays in (("variables", values), ("metrics", sums)):
                    group = file.create_group(name)
                    for number, array in enumerate(arrays):
                        group[str(number)] = array

    def remove(self) -> None:
        """Deletes the file."""
        self.path.unlink(missing_ok=True)
        self.exists = False

    def _check(self, variables, values) -> None:
        expected, found = [tuple(v.shape) for v in variables], [v.shape for v in values]
        if found == expected:
            return
        received = f"{len(found)} values for {len(expected)} variables"
        pairs = zip(variables, expected, found, strict=False)
        differing = [(v.path, here, there) for v, here, there in pairs if here != there]
        if differing:
            path, here, there = differing[0]
            received += f"; {path} has shape {here}, and {there} in the file"
        raise ModelDirError(
            f"{self.path} is of another model or version of this package; go on "
            "with the one that wrote it, or remove it to begin the run again. "
            f"Received: {received}"
        )


def state_variables(model: keras.Model) -> list[keras.Variable]:
    """What changes in training: those of the model and of its optimizer."""
    return [*model.variables, *model.optimizer.variables]


def _numbers(variables: list) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def _read(group: h5py.Group) -> list[np.ndarray]:
    return [group[str(number)][()] for number in range(len(group))]
