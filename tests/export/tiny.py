"""A classifier of two blocks that has all that a large one has, and traces quickly."""

import keras
import numpy as np
import tensorflow as tf

from adafuse_tf.data import Preprocessing
from adafuse_tf.layers import PerFrame
from adafuse_tf.models import VideoClassifier
from adafuse_tf.models.gating import GateFactory
from adafuse_tf.models.resnet_blocks import BlockBuilder

SIZE, FRAMES = 16, 4
LABELS = ("left", "right", "up")


@keras.saving.register_keras_serializable(package="adafuse_tf_tests")
class TinyBackbone(keras.Model):
    """A stem and two residual blocks with gates; the interface of `ResNet`."""

    def __init__(self, shift="causal", gated=True, dtype=None, **gate_options):
        names = ["stage1_block0", "stage2_block0"] if gated else []
        gates = GateFactory(**{"hidden_units": 8, "dtype": dtype, **gate_options})
        builder = BlockBuilder(shift, 8, True, gates, names, dtype)
        frames = keras.Input((None, None, None, 3), name="frames")
        x = builder.conv_bn(frames, 8, 3, 4, 4, "stem_conv")
        x = keras.layers.ReLU(dtype=dtype, name="stem_relu")(x)
        x = builder.basic(x, 8, 1, 4, "stage1_block0")
        x = builder.basic(x, 16, 2, 8, "stage2_block0")
        pool = keras.layers.GlobalAveragePooling2D(dtype="float32", name="pool")
        outputs = {"features": PerFrame(pool)(x), "policies": builder.policies}
        super().__init__(frames, outputs)
        self.cost_table = tuple(builder.operations)
        self.gates = {name: self.get_layer(name) for name in names}
        self._config = {"shift": shift, "gated": gated, **gate_options}

    def get_config(self):
        return self._config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def tiny_classifier(consensus="average", **options):
    """A `VideoClassifier` whose decisions differ between frames and channels."""
    model = VideoClassifier(
        TinyBackbone(**options),
        len(LABELS),
        consensus=consensus,
        lstm_units=4 if consensus == "lstm" else None,
        dropout=0.0,
        preprocessing=Preprocessing(FRAMES, SIZE + 4, SIZE),
        name="tiny",
    )
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        if "policy" in variable.path or "classifier" in variable.path:
            variable.assign(rng.normal(size=variable.shape))
    return model


def camera(*shape, seed=0):
    """uint8 frames `[*shape, 3]`, bright and dark areas as in pictures."""
    small = np.random.default_rng(seed).integers(0, 256, (*shape[:-2], 4, 5, 3))
    frames = tf.image.resize(small.reshape(-1, 4, 5, 3), shape[-2:])
    return tf.cast(frames, tf.uint8).numpy().reshape(*shape, 3)


def cropped(model, frames):
    """Frames `[..., H, W, 3]` resized and cropped, still uint8."""
    lead = frames.shape[:-3]
    folded = frames.reshape(-1, *frames.shape[-3:])
    images = model.preprocessing.resize_short_side(folded)
    images = tf.cast(model.preprocessing.centre_crop(images), tf.uint8).numpy()
    return images.reshape(*lead, *images.shape[1:])


def expected(model, frames):
    """What Keras says about uint8 clips of any frame size."""
    clips = model.preprocessing.normalize(cropped(model, frames))
    out = model.with_outputs("logits", "gmacs", "policies")(clips)
    answers = {"logits": out["logits"], "gmacs": out["gmacs"]}
    answers["probabilities"] = tf.nn.softmax(out["logits"])
    answers["classes"] = tf.argmax(out["logits"], -1, output_type=tf.int32)
    if out["policies"]:
        one_hot = tf.concat([out["policies"][gate] for gate in model.gates], 2)
        answers["actions"] = tf.argmax(one_hot, -1)
        for number, action in enumerate(("skip", "reuse", "keep")):
            share = tf.reduce_mean(one_hot[..., number], (1, 2))
            answers[f"{action}_share"] = share
    return {name: np.array(value) for name, value in answers.items()}


def assert_same(found, wanted, frames=None):
    """Equal decisions, equal numbers up to rounding."""
    for name in set(found) & set(wanted):
        np.testing.assert_allclose(
            found[name].astype("float64"),
            wanted[name],
            rtol=1e-4,
            atol=1e-5,
            err_msg=name,
        )
    assert set(wanted) <= set(found)
