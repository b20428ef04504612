"""Random variation of training clips, one draw for all frames of a clip."""

import dataclasses

import tensorflow as tf

from adafuse_tf.data.augment.color_jitter import color_jitter
from adafuse_tf.data.augment.label_flip import NO_MIRROR_IMAGE
from adafuse_tf.data.augment.model_garden import augment_ops
from adafuse_tf.data.augment.rand_augment import MAX_MAGNITUDE, rand_augment
from adafuse_tf.data.augment.random_window import area_window, multi_scale_window
from adafuse_tf.data.preprocessing import Preprocessing, interpolate

# Training shrinks by up to this factor without antialiasing, which takes six times
# as long: at 1.25 the two differ by one grey level on average.
_SHRINK = 1.25
_STRENGTHS = ("brightness", "contrast", "saturation")


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How training clips are varied: crop, mirror image, RandAugment, colours.

    Brightness, saturation and RandAugment need Model Garden (`[train]`).

    Attributes:
        multi_scale_crop: Sides of the crop window as fractions of the frame's shorter
            side; height and width are drawn separately. Empty: no such crop. Without
            any random crop it is the centre crop of evaluation.
        max_distort: How many places in `multi_scale_crop` height and width may be
            apart; 0 keeps the window square.
        random_resized_crop: Another way to crop: least and greatest share of the
            frame's area, such as `(0.08, 1.0)`. Empty: no such crop.
        aspect_range: Least and greatest width per height of that window.
        flip_probability: Share of the clips that are mirrored left to right. Leave it
            at 0 where left and right matter for the label, or give `flip_labels`.
        flip_labels: What each label becomes in the mirror, from `mirrored_labels`.
            Empty: labels stay.
        brightness: Strength of a random change, 0 to 1; see `color_jitter`.
        contrast: Likewise.
        saturation: Likewise.
        hue: Likewise, 0 to 0.5.
        rand_augment_layers: How many operations of RandAugment.
        rand_augment_magnitude: Their strength, 0 to 10.
    """

    multi_scale_crop: tuple[float, ...] = (1.0, 0.875, 0.75, 0.66)
    max_distort: int = 1
    random_resized_crop: tuple[float, float] | tuple[()] = ()
    aspect_range: tuple[float, float] = (3 / 4, 4 / 3)
    flip_probability: float = 0.0
    flip_labels: tuple[int, ...] = ()
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    rand_augment_layers: int = 0
    rand_augment_magnitude: float = 5.0

    def __post_init__(self):
        for name in ("multi_scale_crop", "random_resized_crop", "aspect_range"):
            values = tuple(float(value) for value in getattr(self, name))
            object.__setattr__(self, name, values)
        object.__setattr__(self, "flip_labels", tuple(self.flip_labels))
        self._check_crops()
        self._check("flip_probability", 1)
        for name in _STRENGTHS:
            self._check(name, 1)
        self._check("hue", 0.5)
        self._check("rand_augment_magnitude", MAX_MAGNITUDE)
        if self.rand_augment_layers < 0:
            raise ValueError(
                "`rand_augment_layers` must be >= 0. Received: "
                f"rand_augment_layers={self.rand_augment_layers}"
            )
        for label, mirrored in enumerate(self.flip_labels):
            if mirrored != NO_MIRROR_IMAGE and (
                not 0 <= mirrored < len(self.flip_labels)
                or self.flip_labels[mirrored] != label
            ):
                raise ValueError(
                    "`flip_labels` must lead back to a label when applied twice. "
                    f"Received: {mirrored} for {label} in {self.flip_labels}"
                )
        if self.brightness or self.saturation or self.rand_augment_layers:
            augment_ops()  # a missing package shows here, not in the first batch

    def _check(self, name: str, maximum: float) -> None:
        value = getattr(self, name)
        if not 0 <= value <= maximum:
            raise ValueError(
                f"`{name}` must be in 0..{maximum:g}. Received: {name}={value}"
            )

    def _check_crops(self) -> None:
        scales, area = self.multi_scale_crop, self.random_resized_crop
        if not all(0 < scale <= 1 for scale in scales):
            raise ValueError(
                "`multi_scale_crop` takes fractions in (0, 1]. Received: "
                f"multi_scale_crop={scales}"
            )
        if self.max_distort < 0:
            raise ValueError(
                f"`max_distort` must be >= 0. Received: max_distort={self.max_distort}"
            )
        if area and not (len(area) == 2 and 0 < area[0] <= area[1] <= 1):
            raise ValueError(
                "`random_resized_crop` takes two rising fractions in (0, 1]. "
                f"Received: random_resized_crop={area}"
            )
        aspect = self.aspect_range
        if not (len(aspect) == 2 and 0 < aspect[0] <= aspect[1]):
            raise ValueError(
                "`aspect_range` takes two rising numbers > 0. Received: "
                f"aspect_range={aspect}"
            )
        if scales and area:
            raise ValueError(
                "There is one random crop: empty `multi_scale_crop` to use "
                f"`random_resized_crop`. Received: multi_scale_crop={scales}, "
                f"random_resized_crop={area}"
            )

    def apply(
        self,
        frames: tf.Tensor,
        label: tf.Tensor,
        preprocessing: Preprocessing,
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Varies and normalises one clip; plain TF operations.

        Args:
            frames: uint8 RGB `[T, H, W, 3]`, 0..255.
            label: Integer scalar, the class of the clip.
            preprocessing: Gives the size of the crop, mean and std.
            seed: Two integers; the same seed gives the same result.

        Returns:
            float32 `[T, crop, crop, 3]`, and the label, which a mirror image changes
            as `flip_labels` says.
        """
        frames = tf.convert_to_tensor(frames)
        top, left, height, width = tf.unstack(self.window(tf.shape(frames)[1:3], seed))
        frames = frames[:, top : top + height, left : left + width]
        return self.apply_in_window(frames, label, preprocessing, seed)

    def window(self, size: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws the part of the frames that `apply` looks at.

        Reading no more than this saves time: what is cut out and given to
        `apply_in_window`, with the same seed, is what `apply` returns for the whole.

        Args:
            size: Height and width of the frames, two integers.
            seed: Two integers.

        Returns:
            int32 `[4]`: top, left, height, width. The whole frame without a random
            crop.
        """
        seed = _seeds(seed)[0]
        if self.multi_scale_crop:
            scales = self.multi_scale_crop
            return multi_scale_window(size, scales, self.max_distort, seed)
        if self.random_resized_crop:
            area, aspect = self.random_resized_crop, self.aspect_range
            return area_window(size, area, aspect, seed)
        return tf.concat([[0, 0], tf.cast(size, tf.int32)], 0)

    def apply_in_window(
        self,
        frames: tf.Tensor,
        label: tf.Tensor,
        preprocessing: Preprocessing,
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """`apply` for frames of which only `window` was read."""
        frames, label = tf.convert_to_tensor(frames), tf.convert_to_tensor(label)
        _, flip_seed, rand_augment_seed, jitter_seed = _seeds(seed)
        if self.flip_probability > 0:
            # On whole bytes, and before frames become larger.
            frames, label = self._flip(frames, label, flip_seed)
        if self.multi_scale_crop or self.random_resized_crop:
            size = [preprocessing.crop, preprocessing.crop]
            frames = interpolate(frames, size, antialias_above=_SHRINK)
        else:
            frames = preprocessing.centre_crop(preprocessing.resize_short_side(frames))
        if self.rand_augment_layers:
            layers, magnitude = self.rand_augment_layers, self.rand_augment_magnitude
            frames = rand_augment(_bytes(frames), layers, magnitude, rand_augment_seed)
        strengths = (self.brightness, self.contrast, self.saturation, self.hue)
        if any(strengths):
            frames = color_jitter(_bytes(frames), *strengths, jitter_seed)
        return preprocessing.normalize(frames), label

    def _flip(self, frames, label, seed):
        flip = tf.random.stateless_uniform([], seed) < self.flip_probability
        if self.flip_labels:
            mirrored = tf.gather(tf.constant(self.flip_labels, label.dtype), label)
            flip &= mirrored != NO_MIRROR_IMAGE
            label = tf.where(flip, mirrored, label)
        return tf.cond(flip, lambda: _mirror(frames), lambda: frames), label


def _seeds(seed: tf.Tensor) -> list[tf.Tensor]:
    """For the window, the flip, RandAugment and the colours."""
    return tf.unstack(tf.random.split(seed, 4))


def _mirror(frames: tf.Tensor) -> tf.Tensor:
    # `tf.reverse` is quick for three axes only, and `[::-1]` for none: 50 times slower.
    shape = tf.shape(frames)
    rows = tf.reverse(tf.reshape(frames, [-1, shape[2], 3]), [1])
    return tf.ensure_shape(tf.reshape(rows, shape), frames.shape)


def _bytes(frames: tf.Tensor) -> tf.Tensor:
    if frames.dtype == tf.uint8:
        return frames
    return tf.cast(tf.round(frames), tf.uint8)
