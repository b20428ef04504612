"""The batches of an experiment, to learn from and to measure on."""

import contextlib

import tensorflow as tf

from adafuse_tf import data
from adafuse_tf.training.augmentation import build_augmentation
from adafuse_tf.training.cluster import Cluster
from adafuse_tf.training.config import ExperimentConfig
from adafuse_tf.training.data_source import (
    evaluation_sampler,
    evaluation_views,
    open_source,
    train_sampler,
)
from adafuse_tf.training.errors import ConfigError
from adafuse_tf.training.last_batch import EndWithLastBatch
from adafuse_tf.training.model_dir import preprocessing_of
from adafuse_tf.training.runtime import local_replicas

# Training clips that are also measured after each epoch, with arg max policies and
# without augmentation, in batches.
_TRAIN_SAMPLE_BATCHES = 4


class Datasets:
    """What an experiment reads.

    Args:
        config: the experiment.

    Attributes:
        labels: names of the classes, in the order of the logits.
        position: where training batches begin.
        views: how many views of each video validation averages over.
        train_damage: the damaged clips and files of the training batches.
        validation_damage: those of the validation batches.
        last_batch: ends an epoch of training, if damaged clips may be left out.

    Raises:
        ConfigError: there is no `task.data_dir`.
        FileNotFoundError: it does not hold a data set.
    """

    def __init__(self, config: ExperimentConfig):
        self._config, self._task = config, config.task
        self._source = open_source(config.task)
        self._preprocessing = preprocessing_of(config)
        self.labels = self._source.labels
        self.position = data.Position(config.runtime.seed)
        self.views = evaluation_views(config.task)
        self.train_damage = data.BadItems(config.task.max_bad)
        self.validation_damage = data.BadItems(config.task.max_bad)
        self.last_batch = EndWithLastBatch() if config.task.max_bad else None
        # The same clips as in training.
        self._sample_damage = data.BadItems(
            config.task.max_bad, beside=self.train_damage
        )

    @property
    def steps_per_epoch(self) -> int:
        """Whole training batches in an epoch; an incomplete one is left out."""
        own = self._task.train_data
        clips = self._source.num_clips(own.split)
        if clips < own.batch_size:
            raise ConfigError(
                f"task.train_data.batch_size: must be at most {clips}, the clips of "
                f"split '{own.split}'. Received: {own.batch_size}"
            )
        return clips // own.batch_size

    def go_on(self, epoch: int, step: int) -> None:
        """Sets the epochs, and further steps, that training batches begin after."""
        self.position.epoch = epoch
        self.position.clips = step * self._task.train_data.batch_size

    def train(self, replicas: int = 1) -> tf.data.Dataset:
        """Shuffled, augmented training batches, all of the same size.

        `position` says where they begin. Each worker gets its part of each batch, for
        each of its replicas separately.

        Args:
            replicas: how many devices of this process share a batch.
        """
        own, place = self._task.train_data, self.position
        dataset = self._training_clips(
            place,
            own.batch_size // (place.num_workers * replicas),
            bad_items=self.train_damage,
        )
        alpha = own.augmentation.mixup_alpha
        if alpha:
            dataset = data.mixup_batches(
                dataset, len(self.labels), alpha, position=place
            )
        return self.last_batch.watch(dataset) if self.last_batch else dataset

    def names_of_step(self, epoch: int, step: int) -> list[str]:
        """The clips of a training step; none where skipped ones make it uncertain.

        Args:
            epoch, step: how many are before it.
        """
        if self._task.max_bad:
            return []
        size = self._task.train_data.batch_size
        place = data.Position(self.position.seed, epoch, step * size)
        names = self._training_clips(place, size, names_only=True).take(size)
        return [name.decode() for name in names.as_numpy_iterator()]

    def distributed_train(
        self, strategy: tf.distribute.Strategy, cluster: Cluster
    ) -> tf.data.Dataset | tf.distribute.DistributedDataset:
        """The same for `fit` under a strategy."""
        if cluster.size == 1:
            return self.train()
        self.position.worker, self.position.num_workers = cluster
        self.position.share = self._task.train_data.batch_size // cluster.size
        # Left to itself TensorFlow would have each process decode all clips.
        replicas = local_replicas(strategy, cluster)
        return strategy.distribute_datasets_from_function(
            lambda _: self.train(replicas)
        )

    def train_sample(self) -> tf.data.Dataset:
        """A few batches of training clips as in validation, one view of each."""
        own = self._task.train_data
        dataset = self._plain(own, bad_items=self._sample_damage)
        return dataset.take(_TRAIN_SAMPLE_BATCHES)

    def validation(self) -> tf.data.Dataset:
        """All validation clips in order, as many views of each as are asked for."""
        own = self._task.validation_data
        return self._plain(
            own, views=self.views, cache=own.cache, bad_items=self.validation_damage
        )

    def clear_errors(self) -> contextlib.AbstractContextManager:
        """Raises a `DataError` where TensorFlow reports that one of these failed."""
        return data.clear_errors(
            self.train_damage, self._sample_damage, self.validation_damage
        )

    def _training_clips(self, position, batch_size, **options) -> tf.data.Dataset:
        own = self._task.train_data
        return self._source.clips(
            own.split,
            self._preprocessing,
            batch_size,
            training=True,
            augmentation=build_augmentation(own.augmentation, self.labels),
            sampler=train_sampler(self._task),
            position=position,
            drop_remainder=True,
            cache=own.cache,
            **options,
        )

    def _plain(self, own, **options) -> tf.data.Dataset:
        return self._source.clips(
            own.split,
            self._preprocessing,
            own.batch_size,
            training=False,
            sampler=evaluation_sampler(self._task),
            **options,
        )
