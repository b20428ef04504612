"""The augmentation of an experiment, for the labels of its data set."""

from collections.abc import Sequence

from adafuse_tf.data import Augmentation, mirrored_labels
from adafuse_tf.training.config_data import AugmentationConfig
from adafuse_tf.training.errors import ConfigError

# What is not an argument of `Augmentation`.
_ELSEWHERE = {"flip_labels", "mixup_alpha"}


def build_augmentation(
    config: AugmentationConfig, labels: Sequence[str]
) -> Augmentation:
    """Builds what varies single clips.

    Args:
        config: the settings.
        labels: class names in the order of their indices.

    Raises:
        ConfigError: `flip_labels` does not go with `labels`.
        ImportError: the settings ask for Model Garden, which is not installed.
    """
    flip_labels = ()
    if config.flip_labels != "none":
        try:
            flip_labels = mirrored_labels(config.flip_labels, labels)
        except ValueError as error:
            raise ConfigError(
                f"task.train_data.augmentation.flip_labels: {error}"
            ) from None
    values = config.model_dump(exclude=_ELSEWHERE)
    return Augmentation(**values, flip_labels=flip_labels)
