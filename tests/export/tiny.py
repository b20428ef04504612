"""A classifier of two blocks that has all that a large one has, and traces quickly."""

import keras
import numpy as np
import tensorflow as tf

from adafuse_tf.data import Preprocessing
from adafuse_tf.models import VideoClassifier
from adafuse_tf.networks.resnet import BlockLayers

SIZE, FRAMES = 16, 4
LABELS = ("left", "right", "up")


def tiny_network(dtype=None):
    """A stem and two residual blocks."""
    net = BlockLayers(dtype)
    images = keras.Input((None, None, 3), name="images")
    x = net.conv_bn(images, 8, 3, 4, "stem_conv")
    x = net.relu(x, "stem_relu")
    x = net.basic(x, 8, 1, "stage1_block0")
    x = net.basic(x, 16, 2, "stage2_block0")
    return keras.Model(images, x, name="tiny")


def tiny_classifier(
    consensus="average",
    shift="causal",
    gated=True,
    dtype=None,
    num_classes=3,
    **options,
):
    """A `VideoClassifier` whose decisions differ between frames and channels."""
    model = VideoClassifier.from_image_model(
        tiny_network(dtype),
        num_classes,
        consensus=consensus,
        lstm_units=4 if consensus == "lstm" else None,
        dropout=0.0,
        preprocessing=Preprocessing(FRAMES, SIZE + 4, SIZE),
        name="tiny",
        **{
            "gates": "paper" if gated else "none",
            "shift": shift,
            "shift_projection": True,
            "hidden_units": 8,
            **options,
        },
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
