"""The sections on data: which clips, which frames of them, how they are varied."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from adafuse_tf.data.augment.label_flip import MIRROR_PAIRS, mirror_pairs
from adafuse_tf.training.config_base import (
    Channels,
    Config,
    Count,
    Name,
    NonNegative,
    Positive,
    Share,
)


def _flip_labels(value: Any) -> str | dict[str, str]:
    names = ("none", *MIRROR_PAIRS)
    if isinstance(value, dict) and all(isinstance(v, str) for v in value.values()):
        mirror_pairs(value)
    elif value not in names:
        raise ValueError(
            f"must be one of {', '.join(names)}, or a mapping of labels to labels. "
            f"Received: {value!r}"
        )
    return value


class AugmentationConfig(Config):
    """Arguments of `adafuse_tf.data.Augmentation`, and of mixup."""

    # Crop sizes as shares of the short side; empty turns this crop off.
    multi_scale_crop: tuple[Annotated[float, Field(gt=0.0, le=1.0)], ...] = (
        1.0,
        0.875,
        0.75,
        0.66,
    )
    # How many places the two sides of a crop may lie apart in that list.
    max_distort: Annotated[int, Field(ge=0)] = 1
    # The other crop, such as [0.08, 1.0]: least and greatest share of the frame's
    # area, with the least and greatest width per height. Empty turns it off.
    random_resized_crop: tuple[Annotated[float, Field(gt=0.0, le=1.0)], ...] = ()
    aspect_range: tuple[Positive, Positive] = (0.75, 4 / 3)
    # Off by default: a mirrored "left to right" is another action.
    flip_probability: Share = 0.0
    # Names the class that a mirrored clip shows: something_v1, something_v2, jester,
    # or pairs of labels of your own; each holds in both directions. none: labels stay.
    flip_labels: Annotated[Any, AfterValidator(_flip_labels)] = "none"
    # Strengths of random changes of colour.
    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0
    hue: Annotated[float, Field(ge=0.0, le=0.5)] = 0.0
    # How many operations of RandAugment, and how strong.
    rand_augment_layers: Annotated[int, Field(ge=0)] = 0
    rand_augment_magnitude: Annotated[float, Field(ge=0.0, le=10.0)] = 5.0
    # Blends the clips of a batch, by shares from Beta(alpha, alpha); 0 turns it off.
    mixup_alpha: NonNegative = 0.0

    @model_validator(mode="after")
    def _goes_together(self):
        area, aspect = self.random_resized_crop, self.aspect_range
        if self.multi_scale_crop and area:
            raise ValueError(
                "set multi_scale_crop to [] to use random_resized_crop. Received: "
                f"multi_scale_crop={list(self.multi_scale_crop)}, "
                f"random_resized_crop={list(area)}"
            )
        if area and (len(area) != 2 or area[0] > area[1]):
            raise ValueError(
                "random_resized_crop must be two rising shares, or []. "
                f"Received: random_resized_crop={list(area)}"
            )
        if aspect[0] > aspect[1]:
            raise ValueError(
                f"aspect_range must rise. Received: aspect_range={list(aspect)}"
            )
        if self.flip_labels != "none" and not self.flip_probability:
            raise ValueError(
                "flip_labels needs a flip_probability above 0. Received: "
                f"flip_labels={self.flip_labels}, flip_probability=0"
            )
        return self


class SamplerConfig(Config):
    """Arguments of `adafuse_tf.data.Sampler`: which frames make a clip."""

    # segments: one frame of each of num_frames equal segments, in training a random
    # one; dense: frames `stride` apart, in training from a random start; uniform: at
    # equal distances from the first frame to the last.
    type: Literal["segments", "dense", "uniform"] = "segments"
    stride: Count = 8  # frames; dense only


class TrainDataConfig(Config):
    """The clips to learn from."""

    split: Name = "train"
    batch_size: Count = 16
    # Keep the encoded records in memory after the first epoch; records only.
    cache: bool = False
    sampler: SamplerConfig = SamplerConfig()
    augmentation: AugmentationConfig = AugmentationConfig()


class ValidationDataConfig(Config):
    """The clips that every epoch is measured on."""

    split: Name = "validation"
    batch_size: Count = 16  # views, where a video has several
    cache: bool = False
    # null: that of train_data.
    sampler: SamplerConfig | None = None
    # Probabilities are averaged over num_clips * num_crops views of each video.
    num_clips: Count = 1
    # 1: the centre, 3: side by side over the whole frame, `resize` pixels each, 10:
    # corners and centre, and the mirror image of each.
    num_crops: Literal[1, 3, 10] = 1


class PreprocessingConfig(Config):
    """Arguments of `adafuse_tf.data.Preprocessing`; saved with the weights."""

    num_frames: Count = 8
    resize: Count = 256  # short side, px
    crop: Count = 224  # square, px
    mean: Channels = (0.485, 0.456, 0.406)
    std: tuple[Positive, Positive, Positive] = (0.229, 0.224, 0.225)
    color_order: Literal["rgb", "bgr"] = "rgb"

    @model_validator(mode="after")
    def _crop_fits(self):
        if self.crop > self.resize:
            raise ValueError(
                "crop must not be larger than resize. "
                f"Received: crop={self.crop}, resize={self.resize}"
            )
        return self
