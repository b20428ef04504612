r"""Exports a trained model for TensorFlow Serving and for phones.

    python train/export.py --model_dir runs/mine
    python train/export.py --model_dir runs/mine --export_dir saved_models \
        --name mine --formats saved_model,tflite,tflite_float16,tflite_int8
    python train/export.py --model_dir runs/mine --name mine_gated --gated \
        --group_size 16

Writes `<export_dir>/<name>/<version>/`, a SavedModel, and `<export_dir>/<name>.tflite`.
Both take uint8 frames and hold preprocessing, labels and the configuration of the run;
neither needs this package. The records of the run, or those in `--data_dir`, give the
ranges for int8 and the clips on which a .tflite is compared with the Keras model.
"""

import os

from absl import flags

os.environ.setdefault("ADAFUSE_TF_LAZY", "1")  # `--help` does without TensorFlow

from adafuse_tf import cli

_MODEL_DIR = flags.DEFINE_string("model_dir", None, "Folder of a run of train.py.")
_EXPORT_DIR = flags.DEFINE_string("export_dir", "saved_models", "Folder to write to.")
_NAME = flags.DEFINE_string(
    "name", None, "Name of the model; default: that of model_dir."
)
_CHECKPOINT = flags.DEFINE_enum(
    "checkpoint", "last", ["last", "best"], "Which weights of the run."
)
_FORMATS = flags.DEFINE_list(
    "formats",
    ["saved_model", "tflite"],
    "Some of saved_model, tflite, tflite_float16, tflite_int8.",
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Records; default: the run's.")
_NUM_CLIPS = flags.DEFINE_integer(
    "num_clips",
    None,
    "Clips for the ranges of int8, and for comparing; default: 32.",
    lower_bound=1,
)
_WINDOW = flags.DEFINE_integer(
    "window",
    None,
    "Streams average over so many last frames; default: over all.",
    lower_bound=1,
)
_GATED = flags.DEFINE_bool(
    "gated", False, "Compute only what the gates ask for; needs decisions in groups."
)
_GROUP_SIZE = flags.DEFINE_integer(
    "group_size",
    None,
    "Let so many channels decide together in a model that decides per channel.",
    lower_bound=2,
)
flags.mark_flag_as_required("model_dir")


@cli.script
def main():
    from adafuse_tf.export import export_model_dir

    export = export_model_dir(
        _MODEL_DIR.value,
        _EXPORT_DIR.value,
        name=_NAME.value,
        checkpoint=_CHECKPOINT.value,
        formats=_FORMATS.value,
        data_dir=_DATA_DIR.value,
        num_clips=_NUM_CLIPS.value,
        window=_WINDOW.value,
        gated=_GATED.value,
        group_size=_GROUP_SIZE.value,
    )
    print(export)


if __name__ == "__main__":
    main()
