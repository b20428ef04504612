"""Says what a trained model sees in video files.

    python train/predict.py --model_dir runs/mine one.mp4 two.mp4

Prints per video the most probable labels, the cost of the clip and the shares of
channels kept, reused and skipped. Ends with exit code 3 when a video could not be read;
the others have been predicted then.
"""

import sys

from absl import app, flags

_MODEL_DIR = flags.DEFINE_string("model_dir", None, "Folder of a run of train.py.")
_CHECKPOINT = flags.DEFINE_enum(
    "checkpoint", "last", ["last", "best"], "Which weights of the run."
)
_TOP_K = flags.DEFINE_integer("top_k", 5, "Labels to name.", lower_bound=1)
flags.mark_flag_as_required("model_dir")

_EXIT_BAD_VIDEOS = 3


def main(argv):
    videos = argv[1:]
    if not videos:
        raise app.UsageError("Name at least one video file.")
    from adafuse_tf import cli

    cli.quiet_tensorflow()
    bad = 0
    with cli.one_line_errors():
        from adafuse_tf import training

        folder = training.ModelDir(_MODEL_DIR.value)
        trained = training.load_trained(folder, _CHECKPOINT.value)
        sampler = training.evaluation_sampler(folder.read_config().task)
        results = training.predict_videos(*trained, videos, _TOP_K.value, sampler)
        for result in results:
            good = isinstance(result, training.Prediction)
            bad += not good
            print(result, file=sys.stdout if good else sys.stderr, flush=True)
    if bad:
        print(f"{bad} of {len(videos)} videos could not be read.", file=sys.stderr)
        sys.exit(_EXIT_BAD_VIDEOS)


if __name__ == "__main__":
    app.run(main)
