"""Trained models as files for servers and phones."""

from adafuse_tf.export.agreement import Agreement, measure_agreement
from adafuse_tf.export.export import DEFAULT_FORMATS, FORMATS, Export, export_model_dir
from adafuse_tf.export.litert import PRECISIONS, write_litert
from adafuse_tf.export.saved_model import write_saved_model

__all__ = [
    "DEFAULT_FORMATS",
    "FORMATS",
    "PRECISIONS",
    "Agreement",
    "Export",
    "export_model_dir",
    "measure_agreement",
    "write_litert",
    "write_saved_model",
]
