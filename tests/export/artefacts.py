"""One tiny model, exported once for all tests, and only as far as they ask."""

import functools

from adafuse_tf.export import write_litert, write_saved_model
from tests.export.tiny import FRAMES, LABELS, SIZE, camera, tiny_classifier


class Exports:
    """Paths of artefacts of the same model, made on first use.

    Args:
        folder: Where to write.
    """

    def __init__(self, folder):
        self.folder = folder

    @functools.cached_property
    def model(self):
        return tiny_classifier()

    @functools.cached_property
    def saved_model(self):
        path = self.folder / "tiny" / "1"
        return write_saved_model(
            self.model, LABELS, path, assets={"params.yaml": "a: 1"}
        )

    @functools.cached_property
    def float32(self):
        path = self.folder / "tiny.tflite"
        write_litert(
            self.model, LABELS, {"float32": path}, attachments={"params.yaml": "a: 1"}
        )
        return path

    @property
    def float16(self):
        return self._small["float16"]

    @property
    def int8(self):
        return self._small["int8"]

    @functools.cached_property
    def fused_model(self):
        return tiny_classifier(history="fused")

    @functools.cached_property
    def fused_pair(self):
        """Of the model with a fused history; two clips of three frames at a time."""
        path = self.folder / "pair.tflite"
        write_litert(
            self.fused_model, LABELS, {"float32": path}, batch_size=2, num_frames=3
        )
        return path

    @functools.cached_property
    def _small(self):
        paths = {p: self.folder / f"tiny_{p}.tflite" for p in ("float16", "int8")}
        clips = camera(4, FRAMES, SIZE, SIZE)
        write_litert(self.model, LABELS, paths, clips=clips)
        return paths
