"""Says what a trained model sees in video files.

    python train/predict.py --model_dir runs/mine one.mp4 two.mp4
    python train/predict.py --model saved_models/mine.tflite one.mp4
    python train/predict.py --model saved_models/mine.tflite --stream one.mp4

The model is the folder of a run, or what export.py has written: a .tflite or a
SavedModel. Prints per video the most probable labels, the cost of the clip and the
shares of channels kept, reused and skipped; with --stream it does so after every frame,
with the milliseconds that the frame took. Ends with exit code 3 when a video could not
be read; the others have been predicted then.
"""

import os
import sys

from absl import app, flags

os.environ.setdefault("ADAFUSE_TF_LAZY", "1")  # `--help` does without TensorFlow

from adafuse_tf import cli

_MODEL_DIR = flags.DEFINE_string("model_dir", None, "Folder of a run of train.py.")
_CHECKPOINT = flags.DEFINE_enum(
    "checkpoint", "last", ["last", "best"], "Which weights of the run."
)
_MODEL = flags.DEFINE_string("model", None, "Instead: a .tflite or SavedModel.")
_THREADS = flags.DEFINE_integer(
    "threads", None, "Threads of a .tflite; default: 1.", lower_bound=1
)
_STREAM = flags.DEFINE_bool("stream", False, "Answer after every frame.")
_FRAME_STEP = flags.DEFINE_integer(
    "frame_step", 1, "With --stream: take every so many frames.", lower_bound=1
)
_TOP_K = flags.DEFINE_integer("top_k", 5, "Labels to name.", lower_bound=1)
flags.mark_flags_as_mutual_exclusive(["model_dir", "model"], required=True)
for _name, _without, _default, _message in (
    ("frame_step", "stream", 1, "--frame_step counts with --stream only."),
    ("threads", "model", None, "--threads counts with a .tflite in --model only."),
    ("checkpoint", "model_dir", "last", "--checkpoint counts with --model_dir only."),
):
    flags.register_multi_flags_validator(
        [_name, _without],
        lambda given, n=_name, w=_without, d=_default: given[w] or given[n] == d,
        _message,
    )
flags.register_multi_flags_validator(
    ["top_k", "stream"],
    lambda given: not given["stream"] or given["top_k"] == 5,
    "--top_k does not count with --stream, which names one label.",
)

_EXIT_BAD_VIDEOS = 3


@cli.script
def main(videos):
    if not videos:
        raise app.UsageError("Name at least one video file.")
    bad = 0
    for result in _results(videos):
        good = not isinstance(result, ValueError)
        bad += not good
        print(result, file=sys.stdout if good else sys.stderr, flush=True)
    if not bad:
        return 0
    print(f"{bad} of {len(videos)} videos could not be read.", file=sys.stderr)
    return _EXIT_BAD_VIDEOS


def _results(videos):
    from adafuse_tf import inference, training

    if _MODEL.value:
        exported = inference.open_exported(_MODEL.value, _THREADS.value)
        if not _STREAM.value:
            return training.predict_videos_with_export(exported, videos, _TOP_K.value)
    else:
        folder = training.ModelDir(_MODEL_DIR.value)
        trained = training.load_trained(folder, _CHECKPOINT.value)
        if not _STREAM.value:
            sampler = training.evaluation_sampler(folder.read_config().task)
            return training.predict_videos(*trained, videos, _TOP_K.value, sampler)
        model, _, labels = trained
        exported = inference.as_exported(model, labels, names=("init_state", "step"))
    stream = inference.VideoStream(exported)
    return inference.stream_videos(stream, videos, _FRAME_STEP.value)


if __name__ == "__main__":
    main()
