"""An experiment from its configuration to its metrics."""

import contextlib
import sys
import warnings

import keras
import tensorflow as tf

from adafuse_tf import cli, files
from adafuse_tf.costs import FlopsLoss, MeanGMACs
from adafuse_tf.optimizers import LossScaleOptimizer
from adafuse_tf.training import callbacks, label_loss
from adafuse_tf.training.checkpoints import load_weights
from adafuse_tf.training.config import ExperimentConfig
from adafuse_tf.training.config_changes import changes_of_metrics, check_same_run
from adafuse_tf.training.config_loading import to_yaml
from adafuse_tf.training.datasets import Datasets
from adafuse_tf.training.errors import ConfigError, LostWorkerError
from adafuse_tf.training.evaluation import evaluate
from adafuse_tf.training.model_dir import (
    ModelDir,
    build_model,
    check_labels,
    learned_policies,
    load_trained,
    preprocessing_of,
)
from adafuse_tf.training.optimizer import build_optimizer
from adafuse_tf.training.resume import terminations
from adafuse_tf.training.run_callbacks import build_callbacks
from adafuse_tf.training.run_state import RunState
from adafuse_tf.training.runtime import build_strategy, cluster_of
from adafuse_tf.training.whole_files import (
    remove_leftovers,
    write_errors,
    write_text_whole,
)
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
            ConfigError: the folder holds a run of another configuration, or settings
                do not go together.
            NonFiniteLossError: the loss became NaN or infinite.
            LostWorkerError: another process of the run has gone.
            WriteError: a file cannot be written.
            DataError: more clips or files are damaged than `task.max_bad` allows.
            ModelDirError: what the folder holds is damaged or goes with other labels.
            NotADirectoryError: the folder is a file.
            SystemExit: with code 143, after SIGTERM; the same call goes on.
        """
        self._check_saving()
        runtime, epochs = self.config.runtime, self.config.trainer.epochs
        cluster = cluster_of(runtime)
        self.folder.check_is_folder()
        self.folder.fetch()
        self._check_same_run()
        state = RunState(self.folder.state)
        history = callbacks.read_history(self.folder.history)
        if history and history[-1]["epoch"] >= state.epoch:
            state.unmeasured = None
        if not state.exists and history and history[-1]["epoch"] == epochs:
            print(f"Already trained for {epochs} epochs.", file=sys.stderr)
            return load_trained(self.folder)[0]
        strategy = build_strategy(runtime)
        keras.utils.set_random_seed(runtime.seed)
        with _clear_worker_errors(cluster):
            self._check_batch(strategy.num_replicas_in_sync)
            with strategy.scope():
                model, flops_loss = self.compiled_model(initialize=not state.exists)
            # Every process has read the folder by now: they have agreed on the weights.
            if cluster.is_chief:
                self._write_params()
                self.folder.push()  # rather fails now than after an epoch
            with self.datasets.clear_errors(), warnings.catch_warnings():
                # An epoch has as many batches as there are good clips for.
                warnings.filterwarnings("ignore", "Your input ran out of data")
                with terminations() as asked:
                    self._fit(model, flops_loss, strategy, state, cluster, asked)
        if cluster.is_chief:
            state.remove()
            self.folder.push()
        return model

    def _fit(self, model, flops_loss, strategy, state, cluster, asked) -> None:
        about = (self.datasets, self.folder, state, cluster, asked)
        chosen = build_callbacks(self.config, model, flops_loss, *about)
        epochs, verbose = self.config.trainer.epochs, sys.stdout.isatty()
        chosen = keras.callbacks.CallbackList(
            chosen,
            add_history=True,
            add_progbar=verbose and cluster.is_chief,
            model=model,
        )
        self.datasets.go_on(state.epoch, state.step)
        dataset = self.datasets.distributed_train(strategy, cluster)
        # Each `fit` does this, but there is none after the last epoch, whose weights
        # and metrics may still be wanted.
        chosen.on_train_begin()
        steps = self.datasets.steps_per_epoch - state.step
        # Keras must know when to stop: the step that finds no more data would count in
        # metrics and in the learning rate. And it must not take the rest of an epoch
        # for the length of all. So each epoch is a `fit` of its own.
        # Where damaged clips may be left out, `EndWithLastBatch` tells it.
        may_be_fewer = self.config.task.max_bad > 0
        for epoch in range(state.epoch, epochs):
            chosen.set_params({"verbose": 1, "epochs": epochs, "steps": steps})
            model.fit(
                dataset,
                epochs=epoch + 1,
                initial_epoch=epoch,
                steps_per_epoch=None if may_be_fewer else steps,
                shuffle=False,  # the data set does that
                callbacks=chosen,
            )
            steps = self.datasets.steps_per_epoch

    def evaluate(self, checkpoint: str = "last") -> dict:
        """Measures a checkpoint on the validation split and writes `metrics.json`.

        The model is that of the folder; data and precision are the configuration's.

        Returns:
            `adafuse_tf.training.evaluate`'s metrics, the name of the checkpoint and
            the settings that are not those of the training.

        Raises:
            ModelDirError: nothing has been trained in the folder, or with other labels.
            DataError: more clips or files are damaged than `task.max_bad` allows.
            WriteError: `metrics.json` cannot be written.
        """
        runtime = self.config.runtime
        model, preprocessing, labels = load_trained(self.folder, checkpoint, runtime)
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
        # So that nobody takes metrics on other data for those of the run.
        others = changes_of_metrics(self.folder.read_config(), self.config)
        about = {"checkpoint": checkpoint, "other_settings": others}
        metrics = {**about, **metrics, **damage.counts()}
        write_text_whole(self.folder.metrics, cli.to_json(metrics))
        self.folder.push()
        return metrics

    def compiled_model(
        self, initialize: bool = True
    ) -> tuple[keras.Model, FlopsLoss | None]:
        """The model before its first step, and its FLOPs loss if it has gates.

        Call it in the scope of the strategy.

        Args:
            initialize: whether it gets `task.model.init_weights`; who goes on with a
                run has better ones, and perhaps no longer that file.
        """
        task, trainer = self.config.task, self.config.trainer
        classes = len(self.datasets.labels)
        model = build_model(self.config, classes)
        source = task.model.init_weights if initialize else None
        if source is not None and source.endswith(".weights.h5"):
            with files.local_copy(source) as path:
                load_weights(model, path, as_start=True)
        elif source is not None:
            with files.local_copy(source) as path:
                initialize_backbone(model, path)
        policies = learned_policies(model)
        for policy in policies:
            policy.temperature.assign(trainer.gumbel.temperature)
        losses, metrics = {"logits": label_loss.cross_entropy(task)}, {}
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
            model.trainable_variables,
            gate_variables,
        )
        if model.dtype_policy.name == "mixed_float16":
            optimizer = LossScaleOptimizer(optimizer)
        # Statistics of the whole batch, as one device would have them.
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            for layer in model._flatten_layers():
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.synchronized = True
        xla = self.config.runtime.enable_xla
        model.compile(optimizer, loss=losses, metrics=metrics, jit_compile=xla)
        model.optimizer.build(model.trainable_variables)
        return model, flops_loss

    def _write_params(self) -> None:
        with write_errors(self.folder.path):
            self.folder.path.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self.folder.path)
        labels = list(self.datasets.labels)
        write_text_whole(self.folder.labels, cli.to_json(labels))
        write_text_whole(self.folder.params, to_yaml(self.config))

    def _check_same_run(self) -> None:
        """A folder holds one run: going on with other settings would mix two."""
        if not self.folder.params.is_file():
            return
        before = self.folder.read_config()
        got_somewhere = callbacks.read_history(self.folder.history)
        if not (got_somewhere or self.folder.state.is_file()):
            return
        check_same_run(self.folder.name, before, self.config)
        check_labels(self.datasets.labels, self.folder.read_labels())

    def _check_saving(self) -> None:
        every, max_bad = self.config.trainer.save_every_steps, self.config.task.max_bad
        if every and max_bad:
            raise ConfigError(
                "trainer.save_every_steps does not go with task.max_bad: a run that "
                "leaves out damaged clips goes on from the end of an epoch only. Leave "
                f"one of them out. Received: save_every_steps={every}, "
                f"max_bad={max_bad}"
            )

    def _check_batch(self, replicas: int) -> None:
        size = self.config.task.train_data.batch_size
        if size % replicas:
            raise ConfigError(
                f"task.train_data.batch_size: must be a multiple of the {replicas} "
                f"devices that share it. Received: {size}"
            )


@contextlib.contextmanager
def _clear_worker_errors(cluster):
    """Says in one line that TensorFlow has lost another process."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError):
        if cluster.size == 1:
            raise
        raise LostWorkerError(
            "Another worker has ended or cannot be reached; start all of them again "
            f"to go on. Received: nothing from it, as worker {cluster.index}"
        ) from None
