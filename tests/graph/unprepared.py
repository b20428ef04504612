"""An image network that nobody has prepared for gates."""

import keras
import numpy as np

from adafuse_tf import VideoClassifier

layers = keras.layers


def net(seed=0, size=(40, 28)):
    """A network with gates of several widths, strides, a shared layer and branches."""
    keras.utils.set_random_seed(seed)
    conv = layers.Conv2D(12, 3, padding="same", activation="relu", name="twice")
    inner_input = keras.Input((None, None, 12))
    x = layers.Conv2D(24, 1, name="expand")(inner_input)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(6.0)(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("silu", name="silu")(x)
    scale = layers.GlobalAveragePooling2D(keepdims=True)(x)
    scale = layers.Conv2D(4, 1, activation="relu", name="squeeze")(scale)
    scale = layers.Conv2D(24, 1, activation="sigmoid", name="excite")(scale)
    x = layers.Multiply()([x, scale])
    x = layers.Conv2D(12, 1, use_bias=False, name="project")(x)
    block = keras.Model(inner_input, layers.Add()([x, inner_input]), name="block")
    image = keras.Input((*size, 3))
    x = layers.Conv2D(12, 3, 2, activation="relu", name="stem")(image)
    x = conv(conv(layers.BatchNormalization()(x)))
    x = block(x)
    left = layers.Conv2D(8, 3, 2, padding="same", activation="gelu", name="left")(x)
    right = layers.Conv2D(10, 1, 2, padding="same", activation="relu", name="right")(x)
    x = layers.Concatenate()([left, right])
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(20, 3, name="last")(x)
    return keras.Model(image, layers.Dropout(0.5)(x), name="net")


def video(model, **options):
    """A network of clips with decisions that differ between frames and channels."""
    options = {"gates": "all", "dropout": 0.0, "hidden_units": 6, "seed": 1, **options}
    made = VideoClassifier.from_image_model(model, 5, **options)
    rng = np.random.default_rng(2)
    for variable in made.trainable_variables:
        if "policy" in variable.path or "classifier" in variable.path:
            variable.assign(rng.normal(size=variable.shape))
    return made
