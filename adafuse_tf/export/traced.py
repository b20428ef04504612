"""Traced signatures on their way to LiteRT."""

import contextlib
import dataclasses
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping

import tensorflow as tf

from adafuse_tf.export.saved_model import as_module


@dataclasses.dataclass(frozen=True)
class Traced:
    """A SavedModel and which of its signatures to take over.

    Attributes:
        folder: The SavedModel.
        names: Names of the signatures.
    """

    folder: str
    names: tuple[str, ...]

    def converter(self) -> tf.lite.TFLiteConverter:
        """A converter to built-in operations."""
        converter = tf.lite.TFLiteConverter.from_saved_model(
            self.folder, signature_keys=list(self.names)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return converter

    def convert(self, float16: bool = False) -> bytes:
        """Converts to a .tflite.

        Args:
            float16: Store the weights in 16 bits.

        Raises:
            ValueError: There are operations that LiteRT does not have, with their
                names.
        """
        converter = self.converter()
        if float16:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        try:
            with quiet_stderr():
                return converter.convert()
        except Exception as error:
            missing = sorted(set(re.findall(r"\btf\.[A-Z]\w+", str(error))))
            if not missing:
                raise
            raise ValueError(
                "LiteRT has no built-in operation for parts of this model; export it "
                f"as a SavedModel only. Received: {', '.join(missing)}"
            ) from None


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keeps the converter's notes off the screen, which no level of logging does."""
    sys.stderr.flush()
    before = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


@contextlib.contextmanager
def traced(model, signatures: Mapping) -> Iterator[Traced]:
    """Keeps concrete functions on disk, where the converter wants them.

    Args:
        model: The Keras model that owns their variables.
        signatures: Name to concrete function. None may be called "serve": the converter
            then takes the default signature alone.
    """
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(as_module(model), folder, dict(signatures))
        yield Traced(folder, tuple(signatures))
