"""An experiment from a configuration to metrics, and back from its folder."""

try:
    import pydantic  # noqa: F401
    import yaml  # noqa: F401
except ImportError as error:
    raise ImportError(
        "Configurations need pydantic and PyYAML: pip install 'adafuse_tf[train]'. "
        f"The import failed with: {error}"
    ) from None

from adafuse_tf.training.config import ExperimentConfig
from adafuse_tf.training.config_loading import load_config, save_config
from adafuse_tf.training.data_source import evaluation_sampler
from adafuse_tf.training.errors import ConfigError, ModelDirError, NonFiniteLossError
from adafuse_tf.training.evaluation import Evaluator, evaluate
from adafuse_tf.training.evaluation_of_records import evaluate_records
from adafuse_tf.training.experiment import Experiment
from adafuse_tf.training.model_dir import EVALUATION, ModelDir, load_trained
from adafuse_tf.training.prediction import (
    Prediction,
    predict_videos,
    predict_videos_with_export,
)
from adafuse_tf.training.run import run_experiment

__all__ = [
    "EVALUATION",
    "ConfigError",
    "Evaluator",
    "Experiment",
    "ExperimentConfig",
    "ModelDir",
    "ModelDirError",
    "NonFiniteLossError",
    "Prediction",
    "evaluate",
    "evaluate_records",
    "evaluation_sampler",
    "load_config",
    "load_trained",
    "predict_videos",
    "predict_videos_with_export",
    "run_experiment",
    "save_config",
]
