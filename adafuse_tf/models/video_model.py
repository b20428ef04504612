"""What all functional models of clips have in common."""

import types
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from adafuse_tf.data.preprocessing import Preprocessing
from adafuse_tf.graph import keras_graph


@keras.saving.register_keras_serializable(package="adafuse_tf")
class ClipFormat(keras.layers.Layer):
    """Says what the clips of a model have gone through; passes them on.

    In the graph of a model it keeps the preprocessing with it through `.keras` files,
    `clone_model` and whatever else handles Keras models.

    Args:
        preprocessing: A `Preprocessing` or its `to_dict()`; ImageNet's by default.
    """

    def __init__(self, preprocessing=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        if isinstance(preprocessing, Preprocessing):
            preprocessing = preprocessing.to_dict()
        if not isinstance(preprocessing, (Mapping, types.NoneType)):
            raise TypeError(
                "`preprocessing` must be a Preprocessing or a dict of its arguments. "
                f"Received: preprocessing={preprocessing!r}"
            )
        # No part of the layer, which computes nothing: it would keep XLA away.
        self._kept = types.SimpleNamespace(
            preprocessing=Preprocessing.from_dict(preprocessing or {})
        )
        self.built = True

    @property
    def preprocessing(self):
        """The `Preprocessing`."""
        return self._kept.preprocessing

    def call(self, frames):
        return frames

    def compute_output_spec(self, frames):
        return keras.KerasTensor(frames.shape, frames.dtype)

    def get_config(self):
        numbers = self.preprocessing.to_dict()
        return {**super().get_config(), "preprocessing": numbers}


@keras.saving.register_keras_serializable(package="adafuse_tf")
class VideoModel(keras.Model):
    """A functional model whose input is clips.

    Constructed as any functional model: `VideoModel(inputs, outputs, name=...)`.

    Args:
        preprocessing, dtype: `Preprocessing` of the clips and precision, where the
            graph has no `ClipFormat`, which has both.

    Input shape:
        `[B, T, H, W, 3]`: floats that have gone through `preprocessing`, or uint8
        frames of any size, which go through it here.
    """

    def __init__(self, *args, preprocessing=None, dtype=None, **kwargs):
        super().__init__(*args, **kwargs)
        formats = [layer for layer in self.layers if isinstance(layer, ClipFormat)]
        self._clip_format = (
            formats[0] if formats else ClipFormat(preprocessing, dtype=dtype)
        )
        # Not of a part of another model, which saves them itself.
        self._saves_seeds = True
        # Keras asks for it to scale the loss of `mixed_float16`.
        self.dtype_policy = self._clip_format.dtype_policy
        if not self.trainable:
            self.trainable = False  # Keras froze the model before it had layers

    def __setattr__(self, name, value):
        if name == "trainable":
            # TensorFlow would skip a value that is there already, and what layers have
            # may have changed since.
            type(self).trainable.fset(self, value)
        else:
            super().__setattr__(name, value)

    def compile(self, *args, jit_compile="auto", **kwargs):
        """As `keras.Model.compile`; `"auto"` is without XLA, which resizes no frames.

        Args:
            jit_compile: `True` compiles with XLA, for clips that have gone through
                `preprocessing` or need no resizing.
        """
        jit_compile = False if jit_compile == "auto" else jit_compile
        super().compile(*args, jit_compile=jit_compile, **kwargs)

    @property
    def preprocessing(self):
        """`Preprocessing`: what turns decoded frames into the input of this model."""
        return self._clip_format.preprocessing

    def as_input(self, clips):
        """`clips` as the graph takes them: floats; uint8 frames are preprocessed.

        Args:
            clips: `[B, T, H, W, 3]` or `{"frames": ...}`, real or symbolic.

        Raises:
            ValueError: Not of rank 5 or not RGB.
            TypeError: Neither floats nor uint8.
        """
        if isinstance(clips, Mapping) and set(clips) == {self.input.name}:
            clips = clips[self.input.name]
        shape = getattr(clips, "shape", None)
        if shape is None:
            return clips  # of no array; Keras converts or refuses it
        if len(shape) != 5 or shape[-1] not in (3, None):
            raise ValueError(
                "A classifier takes clips [B, T, H, W, 3]; add the missing axis, for "
                f"example clip[None]. Received: shape={tuple(shape)}"
            )
        dtype = keras.backend.standardize_dtype(clips.dtype)
        if dtype == "uint8":
            self._check_xla(shape)
            return self.preprocessing(clips)
        if not keras.backend.is_float_dtype(dtype):
            raise TypeError(
                "Clips must be uint8 frames, 0 to 255, or floats that have gone "
                "through `model.preprocessing`; cast them to one of the two. "
                f"Received: dtype={dtype}"
            )
        return clips

    def _check_xla(self, shape):
        compiled = self.compiled and self.jit_compile and tf.inside_function()
        if compiled and self.preprocessing.resizes(*shape[2:4]):
            raise ValueError(
                "XLA cannot resize frames: map model.preprocessing over the data set, "
                "or compile(jit_compile=False). Received: frames of "
                f"{shape[2]} x {shape[3]} pixels and jit_compile=True"
            )

    def __call__(self, inputs, *args, **kwargs):
        # Here rather than in `call`, where Keras would have made floats of the bytes,
        # and bury the message of an error under the printed values of the clip.
        return super().__call__(self.as_input(inputs), *args, **kwargs)

    def _run_through_graph(self, *args, **kwargs):
        # Of `clone_model`, which makes layer by layer: policies share some of theirs.
        with keras_graph.sharing_objects():
            return super()._run_through_graph(*args, **kwargs)

    # Keras leaves the states of random numbers out of its files: a model that is loaded
    # would train on with other noise and other dropout.

    def save_own_variables(self, store):
        """Puts the states of all random number generators into the file."""
        super().save_own_variables(store)
        if not self._saves_seeds:
            return
        for number, state in enumerate(self._seed_states()):
            store[f"seed_{number}"] = np.array(state)

    def load_own_variables(self, store):
        """The inverse of `save_own_variables`; files without the states will do."""
        states = self._seed_states()
        if len(store.keys()) == len(states):
            for number, state in enumerate(states):
                state.assign(store[f"seed_{number}"])

    def _seed_states(self):
        return [v for v in self.variables if v.path.endswith("seed_generator_state")]

    def get_config(self):
        config = super().get_config()
        if not any(isinstance(layer, ClipFormat) for layer in self.layers):
            config["preprocessing"] = self.preprocessing.to_dict()
            config["dtype"] = keras.dtype_policies.serialize(self.dtype_policy)
        return config
