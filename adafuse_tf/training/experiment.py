"""An experiment from its configuration to its metrics."""

import shutil
import sys
import warnings

import keras

from adafuse_tf import cli, files
from adafuse_tf.costs import FlopsLoss, MeanGMACs
from adafuse_tf.training import callbacks, label_loss, schedules
from adafuse_tf.training.checkpoints import load_weights
from adafuse_tf.training.config import ExperimentConfig
from adafuse_tf.training.config_loading import save_config
from adafuse_tf.training.datasets import Datasets
from adafuse_tf.training.errors import ConfigError
from adafuse_tf.training.evaluation import Evaluator, evaluate
from adafuse_tf.training.model_dir import (
    ModelDir,
    build_model,
    check_labels,
    learned_policies,
    load_trained,
    preprocessing_of,
)
from adafuse_tf.training.optimizer import build_optimizer
from adafuse_tf.training.runtime import build_strategy, precision
from adafuse_tf.weights import initialize_backbone


class Experiment:
    """Trains and evaluates one model in one folder.

    Args:
        config: what to do.
        model_dir: the folder of the run, or its URL; everything is written there.

    Raises:
        ConfigError: the data set does not go with the configuration.
        FileNotFoundError: there is no data set.
    """

    def __init__(self, config: ExperimentConfig, model_dir: files.PathLike):
        self.config = config
        self.folder = ModelDir(model_dir)
        self.datasets = Datasets(config)
        self.preprocessing = preprocessing_of(config)

    def train(self) -> keras.Model:
        """Trains to the last epoch, from the start or from where a run was cut off.

        Returns:
            The trained model. A run that has already ended is loaded.

        Raises:
            ConfigError: the folder holds a run of another configuration.
            NonFiniteLossError: the loss became NaN or infinite.
            DataError: more clips or files are damaged than `task.max_bad` allows.
        """
        self.folder.fetch()
        self._check_same_run()
        start = self.folder.resumed_epochs()
        epochs = self.config.trainer.epochs
        history = callbacks.read_history(self.folder.history)
        if not start and history and history[-1]["epoch"] == epochs:
            print(f"Already trained for {epochs} epochs.", file=sys.stderr)
            return load_trained(self.folder)[0]
        keras.utils.set_random_seed(self.config.runtime.seed)
        with precision(self.config.runtime):
            strategy = build_strategy(self.config.runtime)
            self._check_batch(strategy.num_replicas_in_sync)
            train_data = self.datasets.train(start)
            with strategy.scope():
                model, flops_loss = self.compiled_model()
            self._write_params()
            self.folder.push()  # rather fails now than after an epoch
            with self.datasets.clear_errors(), warnings.catch_warnings():
                # An epoch has as many batches as there are good clips for.
                warnings.filterwarnings("ignore", "Your input ran out of data")
                model.fit(
                    train_data,
                    epochs=epochs,
                    shuffle=False,  # the data set does that
                    verbose=int(sys.stdout.isatty()),
                    callbacks=self._callbacks(model, flops_loss, start),
                )
        self.folder.push()
        return model

    def evaluate(self, checkpoint: str = "last") -> dict:
        """Measures a checkpoint on the validation split and writes `metrics.json`.

        Returns:
            `adafuse_tf.training.evaluate`'s metrics and the name of the checkpoint.
        """
        model, preprocessing, labels = load_trained(self.folder, checkpoint)
        check_labels(self.datasets.labels, labels)
        views, damage = self.datasets.views, self.datasets.validation_damage
        size = views.size(preprocessing)
        with self.datasets.clear_errors():
            metrics = evaluate(
                model,
                self.datasets.validation(),
                labels,
                (preprocessing.num_frames, size, size),
                num_views=len(views),
            )
        metrics = {"checkpoint": checkpoint, **metrics, **damage.counts()}
        cli.write_json(self.folder.metrics, metrics)
        self.folder.push()
        return metrics

    def compiled_model(self) -> tuple[keras.Model, FlopsLoss | None]:
        """The model before its first step, and its FLOPs loss if it has gates.

        Call it in the scope of the strategy.
        """
        task, trainer = self.config.task, self.config.trainer
        classes = len(self.datasets.labels)
        model = build_model(self.config, classes)
        source = task.model.init_weights
        if source is not None and source.endswith(".weights.h5"):
            with files.local_copy(source) as path:
                load_weights(model, path, new_classifier=True)
        elif source is not None:
            with files.local_copy(source) as path:
                initialize_backbone(model, path)
        policies = learned_policies(model)
        for policy in policies:
            policy.temperature.assign(trainer.gumbel.temperature)
        losses, metrics = {"logits": label_loss.cross_entropy(task, classes)}, {}
        metrics["logits"] = [label_loss.top1(task)]
        metrics["gmacs"] = [MeanGMACs(name="per_clip")]
        flops_loss = None
        if policies:  # else the cost is a constant
            size = self.preprocessing.crop
            flops_loss = FlopsLoss(
                task.flops_loss.weight,
                form=task.flops_loss.form,
                reference=model.dense_gmacs(self.preprocessing.num_frames, size, size),
                target=task.flops_loss.target,
            )
            losses["gmacs"] = flops_loss
        gate_variables = [v for policy in policies for v in policy.trainable_variables]
        optimizer = build_optimizer(
            trainer.optimizer,
            self.datasets.steps_per_epoch,
            trainer.epochs,
            gate_variables,
        )
        model.compile(optimizer, loss=losses, metrics=metrics)
        return model, flops_loss

    def _callbacks(self, model, flops_loss, start: int) -> list:
        task, trainer, folder = self.config.task, self.config.trainer, self.folder
        length = (self.datasets.steps_per_epoch, trainer.epochs)
        policies = learned_policies(model)
        chosen = []
        if policies:
            noise = [policy.noise_scale for policy in policies]
            scale = schedules.noise_scale(trainer.gumbel)
            weight = schedules.flops_weight(task.flops_loss)
            chosen = [
                schedules.ScheduleByProgress("noise_scale", noise, scale, *length),
                schedules.ScheduleByProgress(
                    "flops_weight", [flops_loss.weight], weight, *length
                ),
            ]
        if policies and trainer.dense_warmup_epochs:
            chosen.append(
                schedules.DenseWarmup(
                    policies,
                    trainer.dense_warmup_epochs,
                    trainer.keep_lead_after_warmup,
                )
            )
        evaluator = Evaluator(model)
        datasets = self.datasets
        sample, validation = datasets.train_sample(), datasets.validation()
        rows = callbacks.cut_history(folder.history, start)
        best = max((row["validation/top1"] for row in rows), default=-1.0)
        return [
            callbacks.StopOnNonFiniteLoss(),
            callbacks.EpochMetrics(
                {
                    "train": datasets.train_damage.counts,
                    "train_argmax": lambda: _epoch_metrics(evaluator.tally(sample)),
                    "validation": lambda: {
                        **_epoch_metrics(
                            evaluator.tally(validation, num_views=len(datasets.views))
                        ),
                        **datasets.validation_damage.counts(),
                    },
                }
            ),
            *chosen,
            callbacks.SaveCheckpoints(
                folder.checkpoint("last"),
                folder.checkpoint("best"),
                "validation/top1",
                best,
            ),
            callbacks.EpochLog(folder.history, folder.tensorboard, trainer.epochs),
            keras.callbacks.BackupAndRestore(
                str(folder.backup), double_checkpoint=True
            ),
            keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: folder.push()),
        ]

    def _write_params(self) -> None:
        self.folder.path.mkdir(parents=True, exist_ok=True)
        cli.write_json(self.folder.labels, list(self.datasets.labels))
        save_config(self.config, self.folder.params)

    def _check_same_run(self) -> None:
        """A folder holds one run: going on with other settings would mix two."""
        if not self.folder.params.is_file():
            return
        before = self.folder.read_config()
        if not self.folder.history.is_file():  # it never got through an epoch
            shutil.rmtree(self.folder.backup, ignore_errors=True)
            return
        changed = _differences(before.model_dump(), self.config.model_dump())
        if changed:
            raise ConfigError(
                f"{self.folder.name} holds a run of another configuration; take a new "
                "--model_dir, or the old settings to go on with it. Received: "
                + "; ".join(f"{k}={new!r}, was {old!r}" for k, old, new in changed)
            )
        check_labels(self.datasets.labels, self.folder.read_labels())

    def _check_batch(self, replicas: int) -> None:
        size = self.config.task.train_data.batch_size
        if size % replicas:
            raise ConfigError(
                f"task.train_data.batch_size: must be a multiple of the {replicas} "
                f"devices that share it. Received: {size}"
            )


def _epoch_metrics(tally) -> dict[str, float]:
    metrics = {"loss": tally.loss, "top1": tally.top1, "gmacs": tally.gmacs}
    return {**metrics, **(tally.policy() or {})}


def _differences(old: dict, new: dict, prefix: str = "") -> list[tuple]:
    found = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            found += _differences(before, after, f"{prefix}{key}.")
        elif before != after:
            found.append((prefix + key, before, after))
    return found
