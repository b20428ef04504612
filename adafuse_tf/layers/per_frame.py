"""Image layers on video tensors."""

import keras
from keras import ops

from adafuse_tf.layers.contract import freeze_parts, serialize_part


@keras.saving.register_keras_serializable(package="adafuse_tf")
class PerFrame(keras.layers.Layer):
    """Applies an image layer to every frame by folding time into the batch.

    Unlike `keras.layers.TimeDistributed` it adds no loop and no unrolling to the graph:
    one call of the wrapped layer handles all frames, and BatchNormalization takes its
    statistics over batch and time.

    Args:
        layer: A Keras layer for tensors `[N, ...]`.

    Input shape:
        `[B, T, ...]`.

    Output shape:
        `[B, T, ...]`, trailing dimensions as the wrapped layer gives.

    Example:

    >>> PerFrame(keras.layers.Conv2D(8, 3))(np.zeros((2, 4, 16, 16, 3))).shape
    TensorShape([2, 4, 14, 14, 8])
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, keras.layers.Layer):
            raise TypeError(f"`layer` must be a Keras layer. Received: layer={layer!r}")
        kwargs.setdefault("name", layer.name)
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build((None, *input_shape[2:]))
        freeze_parts(self)

    def call(self, x, training=None):
        shape = ops.shape(x)
        folded = ops.reshape(x, (-1, *shape[2:]))
        # `training` reaches the wrapped layer through Keras' call context.
        y = self.layer(folded)
        return ops.reshape(y, (*_leading(shape), *ops.shape(y)[1:]))

    def compute_output_shape(self, input_shape):
        inner = self.layer.compute_output_shape((None, *input_shape[2:]))
        return (*input_shape[:2], *inner[1:])

    def get_config(self):
        config = super().get_config()
        config["layer"] = serialize_part(self.layer)
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["layer"] = keras.saving.deserialize_keras_object(config["layer"])
        config.pop("dtype", None)  # it is the wrapped layer's
        return cls(**config)


@keras.saving.register_keras_serializable(package="adafuse_tf")
class FoldTime(keras.layers.Layer):
    """Folds time into the batch, so that an image network sees frames.

    Input shape:
        `[B, T, ...]`.

    Output shape:
        `[B * T, ...]`.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.built = True

    def call(self, x):
        return ops.reshape(x, (-1, *ops.shape(x)[2:]))

    def compute_output_spec(self, x):
        batch, time = x.shape[:2]
        frames = None if None in (batch, time) else batch * time
        return keras.KerasTensor((frames, *x.shape[2:]), x.dtype)

    def get_config(self):
        return {**super().get_config()}


@keras.saving.register_keras_serializable(package="adafuse_tf")
class UnfoldTime(keras.layers.Layer):
    """Gives frames that `FoldTime` has put into the batch their time back.

    Call arguments:
        x: `[B * T, ...]`.
        clip: The clip `[B, T, ...]` whose frames they are; only its shape is used.

    Output shape:
        `[B, T, ...]`, trailing dimensions as those of `x`.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.built = True

    def call(self, x, clip):
        return ops.reshape(x, (*_leading(ops.shape(clip)), *ops.shape(x)[1:]))

    def compute_output_spec(self, x, clip):
        return keras.KerasTensor((*clip.shape[:2], *x.shape[1:]), x.dtype)

    def get_config(self):
        return {**super().get_config()}


def _leading(shape):
    # With one dimension static the other can be inferred, which keeps T static through
    # reshapes and spares a shape computation.
    batch, time = shape[:2]
    return (-1, time) if isinstance(time, int) and time > 0 else (batch, time)
