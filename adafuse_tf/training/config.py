"""The schema of an experiment: every key, its type, its range, its default.

The layout is Model Garden's: `runtime`, `task`, `trainer`. Unknown keys, wrong
types (`"8"` for `8`) and values out of range are errors. The defaults follow the
published AdaFuse recipe where it says something.

`adafuse_tf.training.load_config` reads YAML into these classes.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from adafuse_tf.training.config_base import (
    Config,
    Count,
    Name,
    NonNegative,
    Positive,
    Share,
)
from adafuse_tf.training.config_data import (
    PreprocessingConfig,
    TrainDataConfig,
    ValidationDataConfig,
)


class RuntimeConfig(Config):
    """Where and how numbers are computed."""

    # Draws weights, batches, augmentation and Gumbel noise.
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    mixed_precision_dtype: Literal["float32", "mixed_bfloat16", "mixed_float16"] = (
        "float32"
    )
    # "mirrored": all GPUs of this machine, batch_size is the sum over them.
    # "multi_worker_mirrored": those of several processes, which TF_CONFIG or Slurm
    # names; see docs/training.md.
    distribution_strategy: Literal[
        "one_device", "mirrored", "multi_worker_mirrored"
    ] = "one_device"
    # Compiles the training step with XLA; one device only.
    enable_xla: bool = False

    @model_validator(mode="after")
    def _xla_on_one_device(self):
        if self.enable_xla and self.distribution_strategy != "one_device":
            raise ValueError(
                "enable_xla does not work with several devices in Keras 3; leave it "
                "out or take distribution_strategy=one_device. Received: "
                f"distribution_strategy={self.distribution_strategy}"
            )
        return self


class ModelConfig(Config):
    """Arguments of `VideoClassifier.from_preset` or `from_image_model`."""

    preset: Name = "adafuse_tsn_resnet18"
    # Instead of a preset: an image network, such as `keras.applications.MobileNetV2`,
    # that becomes one of clips with `VideoClassifier.from_image_model`; `overrides` are
    # then arguments of that.
    image_model: Name | None = None
    # Its keyword arguments; without an `input_shape` it is made for task.preprocessing.
    image_model_args: dict[str, Any] = {}
    # Keyword arguments of the preset. An override of null is the preset's default,
    # so that a later config can take back what an earlier one has set.
    overrides: dict[str, Any] = {}
    # What to start from: a `.weights.h5` (other classes are fine, and a network that
    # has no gates yet), or a PyTorch file or `.npz` for the backbone alone, such as
    # torchvision's ResNets. TSM and AdaFuse-TSM differ in their default of
    # `shift_projection`.
    init_weights: Name | None = None

    @model_validator(mode="after")
    def _preset_or_image_model(self):
        if self.image_model is None and self.image_model_args:
            raise ValueError(
                "image_model_args go with image_model. Received: image_model_args="
                f"{self.image_model_args}"
            )
        return self

    @property
    def name(self) -> str:
        """What the network is called: its preset, or its image model."""
        return self.preset if self.image_model is None else self.image_model

    @model_validator(mode="after")
    def _no_preprocessing(self):
        if "preprocessing" in self.overrides:
            raise ValueError(
                "preprocessing belongs in task.preprocessing. Received: "
                f"overrides.preprocessing={self.overrides['preprocessing']!r}"
            )
        return self


class FlopsLossConfig(Config):
    """Arguments of `adafuse_tf.costs.FlopsLoss` and when it sets in.

    The cost is measured against the clip's dense twin, so `weight` and `target` mean
    the same for every model and image size.
    """

    weight: NonNegative = 0.1
    form: Literal["linear", "budget"] = "linear"
    # Share of the dense twin's MACs to aim at; form "budget" only.
    target: Share | None = None
    # The weight is 0 until `start` and full after a further `warmup`; both are shares
    # of the training run. By default it sets in when the dense warm-up ends.
    start: Share = 0.4
    warmup: Share = 0.25

    @model_validator(mode="after")
    def _target_fits_form(self):
        if (self.form == "budget") != (self.target is not None):
            raise ValueError(
                "target must be given with form=budget and only there. "
                f"Received: form={self.form}, target={self.target}"
            )
        return self


class TaskConfig(Config):
    """What is learned, from what."""

    model: ModelConfig = ModelConfig()
    # records: what train/prepare_data.py has written. video: straight from the videos
    # of a manifest; slower, but nothing to prepare.
    source: Literal["records", "video"] = "records"
    # records: the --output_dir of train/prepare_data.py. video: a manifest, or a folder
    # with a manifest.csv.
    data_dir: Name | None = None
    # Damaged clips or files to skip per epoch; one more ends the run.
    max_bad: Annotated[int, Field(ge=0)] = 0
    train_data: TrainDataConfig = TrainDataConfig()
    validation_data: ValidationDataConfig = ValidationDataConfig()
    preprocessing: PreprocessingConfig = PreprocessingConfig()
    flops_loss: FlopsLossConfig = FlopsLossConfig()
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0


class OptimizerConfig(Config):
    """The optimizer and its learning rate over time."""

    name: Literal["sgd", "adamw"] = "sgd"
    learning_rate: Positive = 0.01
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9  # sgd only
    # On kernels only. With sgd an L2 penalty, added to the gradient after clipping and
    # before momentum; with adamw decoupled (learning_rate * weight_decay per step).
    weight_decay: NonNegative = 0.0
    # Of the whole gradient, that of all devices; null turns clipping off.
    clip_norm: Positive | None = 20.0
    # The gradients of this many steps are averaged for one change of the weights; one
    # device only.
    gradient_accumulation_steps: Count = 1
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    # schedule "step": shares of the run after which the rate is times `step_factor`.
    steps: tuple[Annotated[float, Field(gt=0.0, lt=1.0)], ...] = (0.4, 0.8)
    step_factor: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    # The rate climbs from 0 over this many epochs; parts of an epoch are fine.
    warmup_epochs: NonNegative = 0.0
    # Biases learn at this times `learning_rate`; those of BatchNorm do not count.
    bias_learning_rate_multiplier: Positive = 1.0
    # The policy nets learn at this times `learning_rate`.
    gate_learning_rate_multiplier: Positive = 1.0

    @model_validator(mode="after")
    def _steps_increase(self):
        if list(self.steps) != sorted(set(self.steps)):
            raise ValueError(f"steps must increase. Received: steps={list(self.steps)}")
        return self


class GumbelConfig(Config):
    """How the gates sample while they learn.

    Inference takes the arg max, that is noise 0: lowering the noise towards the end
    lets the rest of the network get used to the decisions that it will meet.
    """

    temperature: Positive = 0.67
    noise_start: NonNegative = 1.0
    noise_end: NonNegative = 0.0
    # Shares of the run between which the noise goes from start to end, linearly.
    decay_from: Share = 0.4
    decay_until: Share = 0.7

    @model_validator(mode="after")
    def _decay_runs_forward(self):
        if self.decay_from > self.decay_until:
            raise ValueError(
                "decay_from must not be after decay_until. Received: "
                f"decay_from={self.decay_from}, decay_until={self.decay_until}"
            )
        return self


class TrainerConfig(Config):
    """How long and how."""

    epochs: Count = 50
    # The run can go on from every so many steps, besides the ends of epochs; not with
    # task.max_bad.
    save_every_steps: Count | None = None
    # Steps of a run whose loss may be NaN or infinite: it goes back to the weights that
    # were saved last and on with the next batch. One more ends it.
    max_bad_steps: Annotated[int, Field(ge=0)] = 0
    # For this share of the run, in whole epochs, every gate keeps all channels: the
    # dense twin learns first, and the policies then on top of features that mean
    # something. The published recipe has none, that is 0.
    dense_warmup: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.4
    # By how much the logit of "keep" leads when that ends: at 2 a channel is kept with
    # p = 0.79, so that the network goes on nearly as before. 0 starts uniform.
    keep_lead_after_warmup: NonNegative = 2.0
    optimizer: OptimizerConfig = OptimizerConfig()
    gumbel: GumbelConfig = GumbelConfig()

    @property
    def dense_warmup_epochs(self) -> int:
        """The dense warm-up in epochs; at least one epoch is left for the gates."""
        return min(round(self.dense_warmup * self.epochs), self.epochs - 1)

    @model_validator(mode="after")
    def _warmup_ends(self):
        if self.optimizer.warmup_epochs >= self.epochs:
            raise ValueError(
                "optimizer.warmup_epochs must be less than epochs. Received: "
                f"optimizer.warmup_epochs={self.optimizer.warmup_epochs}, "
                f"epochs={self.epochs}"
            )
        return self


class ExperimentConfig(Config):
    """A whole experiment."""

    runtime: RuntimeConfig = RuntimeConfig()
    task: TaskConfig = TaskConfig()
    trainer: TrainerConfig = TrainerConfig()

    @model_validator(mode="after")
    def _goes_with_several_devices(self):
        strategy = self.runtime.distribution_strategy
        steps = self.trainer.optimizer.gradient_accumulation_steps
        if strategy != "one_device" and steps > 1:
            raise ValueError(
                "trainer.optimizer.gradient_accumulation_steps must be 1 with several "
                "devices, where Keras 3 cannot accumulate. Received: "
                f"gradient_accumulation_steps={steps}, distribution_strategy={strategy}"
            )
        if strategy == "multi_worker_mirrored" and self.task.max_bad:
            raise ValueError(
                "task.max_bad must be 0 with several workers, which must agree on the "
                f"number of batches. Received: task.max_bad={self.task.max_bad}"
            )
        return self
