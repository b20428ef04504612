"""The callbacks of a run, in the order that they need."""

import threading

import keras

from adafuse_tf.costs import FlopsLoss
from adafuse_tf.training import callbacks, schedules
from adafuse_tf.training.cluster import Cluster
from adafuse_tf.training.config import ExperimentConfig
from adafuse_tf.training.datasets import Datasets
from adafuse_tf.training.measuring import build_measuring
from adafuse_tf.training.model_dir import ModelDir, learned_policies
from adafuse_tf.training.non_finite import StopOnNonFiniteLoss
from adafuse_tf.training.resume import Resume, SaveState
from adafuse_tf.training.run_state import RunState


def build_callbacks(
    config: ExperimentConfig,
    model: keras.Model,
    flops_loss: FlopsLoss | None,
    datasets: Datasets,
    folder: ModelDir,
    state: RunState,
    cluster: Cluster,
    asked: threading.Event,
) -> list[keras.callbacks.Callback]:
    """Builds them; what measures and writes is for the chief alone.

    Args:
        config, model, flops_loss, datasets, folder: of the run; `flops_loss` is None
            where no policy is learned.
        state: what the run goes on from.
        cluster: the processes of the run.
        asked: set when this process should end.
    """
    trainer, steps = config.trainer, datasets.steps_per_epoch
    changing = _schedules(config, learned_policies(model), flops_loss, steps, state)
    learn = [
        Resume(state, datasets.position),
        StopOnNonFiniteLoss(
            state,
            datasets.names_of_step,
            trainer.max_bad_steps,
            changing,
            trainer.save_every_steps,
        ),
        callbacks.TrainingMetrics(datasets.train_damage.counts),
        *changing,
    ]
    if datasets.last_batch:
        learn.append(datasets.last_batch)
    measure = None
    if cluster.is_chief:
        measure = build_measuring(config, model, datasets, folder, state, asked)
    save = SaveState(
        state,
        asked,
        steps,
        trainer.save_every_steps,
        # Damaged clips are left out of the batches, but not of the count of clips.
        within_epochs=not config.task.max_bad,
        write=cluster.is_chief,
        after=folder.push,
        measure=measure,
    )
    return [*learn, save]


def _schedules(config, policies, flops_loss, steps, state) -> list:
    if not policies:
        return []
    trainer = config.trainer
    run = (steps, trainer.epochs, (state.epoch, state.step))
    noise = [policy.noise_scale for policy in policies]
    scale = schedules.noise_scale(trainer.gumbel)
    weight = schedules.flops_weight(config.task.flops_loss)
    found = [
        schedules.ScheduleByProgress("noise_scale", noise, scale, *run),
        schedules.ScheduleByProgress("flops_weight", [flops_loss.weight], weight, *run),
    ]
    if trainer.dense_warmup_epochs:
        found.append(
            schedules.DenseWarmup(
                policies, trainer.dense_warmup_epochs, trainer.keep_lead_after_warmup
            )
        )
    return found
