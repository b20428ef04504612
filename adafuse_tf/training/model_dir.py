"""The folder of a run: everything that its model needs, and what it achieved."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import keras

from adafuse_tf import files
from adafuse_tf.data import Preprocessing
from adafuse_tf.layers import LearnedPolicy
from adafuse_tf.models import VideoClassifier
from adafuse_tf.networks import image_model
from adafuse_tf.training.checkpoints import load_weights
from adafuse_tf.training.config import ExperimentConfig, RuntimeConfig
from adafuse_tf.training.config_loading import load_config
from adafuse_tf.training.errors import ModelDirError
from adafuse_tf.training.mirror import Mirror

CHECKPOINTS = ("last", "best")
# Where `train/evaluate.py` writes to.
EVALUATION = "evaluation/metrics.json"


class ModelDir:
    """Names of the files of a run.

    Args:
        name: the folder, or its URL; it need not exist.

    Attributes:
        name: the folder as given.
        path: the local folder; `fetch` and `push` keep it in step with a remote one.
    """

    def __init__(self, name: files.PathLike):
        self.name = str(name)
        self._mirror = Mirror(self.name) if files.is_remote(name) else None
        self.path = self._mirror.local if self._mirror else Path(name)
        self.params = self.path / "params.yaml"
        self.labels = self.path / "labels.json"
        self.metrics = self.path / "metrics.json"
        self.history = self.path / "metrics.jsonl"
        self.tensorboard = self.path / "tensorboard"
        self.state = self.path / "state.h5"

    def check_is_folder(self) -> None:
        """Raises NotADirectoryError where a file is in the way of the folder."""
        for path in (self.path, *self.path.parents):
            if path.exists():
                break
        if not path.is_dir():
            raise NotADirectoryError(
                f"{path} is a file; give a folder. Received: model_dir={self.name!r}"
            )

    def fetch(self, *paths: Path) -> None:
        """Copies files, or all that a run goes on with, from a remote folder."""
        if self._mirror:
            names = [path.relative_to(self.path).as_posix() for path in paths]
            self._mirror.fetch(names or None)

    def push(self) -> None:
        """Copies what has changed to a remote folder."""
        if self._mirror:
            self._mirror.push()

    def checkpoint(self, name: str) -> Path:
        """The weights file called `last` or `best`."""
        if name not in CHECKPOINTS:
            raise ValueError(
                f"checkpoint must be one of {', '.join(CHECKPOINTS)}. "
                f"Received: checkpoint={name!r}"
            )
        return self.path / "checkpoints" / f"{name}.weights.h5"

    def read_config(self) -> ExperimentConfig:
        """The configuration that the run was trained with."""
        if not self.params.is_file():
            raise ModelDirError(
                f"No model_dir of train/train.py: it has no {self.params.name}. "
                f"Received: model_dir={self.name!r}"
            )
        return load_config(config_files=[self.params])

    def read_labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        if not self.labels.is_file():
            raise ModelDirError(
                f"No model_dir of train/train.py: it has no {self.labels.name}. "
                f"Received: model_dir={self.name!r}"
            )
        return tuple(json.loads(self.labels.read_text(encoding="utf-8")))


def load_trained(
    model_dir: files.PathLike | ModelDir,
    checkpoint: str = "last",
    runtime: RuntimeConfig | None = None,
) -> tuple[VideoClassifier, Preprocessing, tuple[str, ...]]:
    """Loads what `train/train.py` has trained.

    Args:
        model_dir: the folder of the run, or its URL.
        checkpoint: `"last"`, or `"best"` by top-1 on the validation split.
        runtime: whose precision to compute in; `None` for that of the training.

    Returns:
        `(model, preprocessing, labels)`; `labels[i]` is the name of logit `i`.

    Raises:
        ModelDirError: the folder is not a run's, nothing has been trained in it yet,
            or the weights are of another architecture than its `params.yaml`.
        ValueError: an unknown checkpoint name.
    """
    folder = model_dir if isinstance(model_dir, ModelDir) else ModelDir(model_dir)
    weights = folder.checkpoint(checkpoint)
    folder.fetch(folder.params, folder.labels, weights)
    config, labels = folder.read_config(), folder.read_labels()
    if not weights.is_file():
        raise ModelDirError(
            f"There is no checkpoint '{checkpoint}' yet; train for an epoch at least. "
            f"Received: model_dir={folder.name!r}"
        )
    if runtime is not None:
        config = config.model_copy(update={"runtime": runtime})
    model = build_model(config, len(labels))
    load_weights(model, weights)
    return model, preprocessing_of(config), labels


def build_model(config: ExperimentConfig, num_classes: int) -> VideoClassifier:
    """Builds the network of an experiment with fresh weights."""
    options = config.task.model.overrides
    network, preprocessing = config.task.model, preprocessing_of(config)
    dtype = config.runtime.mixed_precision_dtype
    arguments = {
        "preprocessing": preprocessing,
        "dtype": dtype,
        **{key: value for key, value in options.items() if value is not None},
    }
    if network.image_model is None:
        return VideoClassifier.from_preset(network.preset, num_classes, **arguments)
    size = (preprocessing.crop, preprocessing.crop)
    made = image_model(network.image_model, dtype, size, **network.image_model_args)
    return VideoClassifier.from_image_model(made, num_classes, **arguments)


def preprocessing_of(config: ExperimentConfig) -> Preprocessing:
    """The preprocessing of an experiment."""
    return Preprocessing(**config.task.preprocessing.model_dump())


def learned_policies(model: keras.Model) -> list:
    """The policy layers of a classifier that learn; empty for a dense baseline."""
    policies = [gate.policy for gate in model.gates.values()]
    return [policy for policy in policies if isinstance(policy, LearnedPolicy)]


def check_labels(labels: Sequence[str], expected: Sequence[str]) -> None:
    """Raises ModelDirError unless a run goes on with the labels that it began with."""
    if list(labels) == list(expected):
        return
    pairs = enumerate(itertools.zip_longest(labels, expected))
    number, (found, wanted) = next(pair for pair in pairs if pair[1][0] != pair[1][1])
    raise ModelDirError(
        "The data set's labels are not those that this model_dir was trained with; "
        "take its data set, or a new --model_dir. "
        f"Received: {len(labels)} labels for {len(expected)}, label {number} is "
        f"{found!r} for {wanted!r}"
    )
