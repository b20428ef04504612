"""The whole way from photographs to a trained model, in minutes."""

import functools
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from adafuse_tf import cli, data
from adafuse_tf.benchmarks.report import markdown_table
from adafuse_tf.data import camera_moves
from adafuse_tf.data.conversion import convert
from adafuse_tf.inference import profile
from adafuse_tf.training.model_dir import load_trained
from adafuse_tf.training.policy_picture import draw_policies
from adafuse_tf.training.prediction import predict_videos
from adafuse_tf.training.run import run_experiment
from adafuse_tf.training.side_by_side import run_side_by_side

# Name in the table -> preset. All are trained alike; the slowest starts first. The
# shift is causal, so that what comes out can stream.
MODELS = {
    "AdaFuse": "adafuse_tsm_causal_resnet18",
    "TSM": "tsm_causal_resnet18",
    "TSN": "tsn_resnet18",
}
# What a demo leaves, its export included.
_MADE = {"camera_moves", "records", "exported", "policies.png", "results.json"}
_MADE |= {"results.md", *map(str.lower, MODELS)}


def run_demo(
    output_dir: str | Path,
    train_clips: int = 2880,
    validation_clips: int = 240,
    overrides: Iterable[str] = (),
) -> dict[str, dict]:
    """Makes videos, trains the models on them and compares them.

    Args:
        output_dir: Folder for everything; an earlier demo there is replaced.
        train_clips, validation_clips: Videos per split.
        overrides: Settings for all models, as `--params_override` takes them.

    Returns:
        The metrics of each model by its name in `MODELS`. They are also written to
        `results.json` and `results.md`, and the policies to `policies.png`.

    Raises:
        FileExistsError: The folder holds something that is of no demo.
    """
    output_dir = Path(output_dir)
    _make_room(output_dir)
    _say("Making videos: a virtual camera moves over photographs")
    manifest = camera_moves.write_camera_moves(
        output_dir / "camera_moves", train_clips, validation_clips
    )
    records = output_dir / "records"
    _say("Preparing: videos to records")
    items = data.read_manifest(manifest)
    print(convert.summary(convert.convert(items, records, short_side=32), records))
    _say(f"Training and evaluating {', '.join(MODELS)}")
    results = run_side_by_side(
        {
            name: functools.partial(
                run_experiment,
                "train_and_eval",
                output_dir / name.lower(),
                experiment="demo",
                overrides=[
                    f"task.data_dir={records}",
                    f"task.model.preset={preset}",
                    *([] if "adafuse" in preset else [_NO_GATES]),
                    *overrides,
                ],
            )
            for name, preset in MODELS.items()
        }
    )
    validation = [item for item in items if item.split == "validation"]
    _say(f"Predicting one video of '{validation[0].label}' with AdaFuse")
    trained = load_trained(output_dir / "adafuse")
    print(*predict_videos(*trained, [validation[0].path], top_k=3))
    _draw(trained, validation, results["AdaFuse"], output_dir / "policies.png")
    cli.write_json(output_dir / "results.json", results)
    (output_dir / "results.md").write_text(table(results) + "\n")
    return results


def _make_room(folder: Path) -> None:
    """Removes an earlier demo, and nothing that may be somebody's work."""
    if not folder.exists():
        return
    names = sorted(path.name for path in folder.iterdir())
    others = [name for name in names if name not in _MADE]
    if names and "camera_moves" not in names:  # the first that a demo makes
        others = others or names
    if others:
        raise FileExistsError(
            "The demo replaces all that is in its folder; give one that is empty, new "
            f"or of an earlier demo. Received: {folder} with {', '.join(others[:5])}"
        )
    shutil.rmtree(folder)


# The baselines have no gates to set up.
_NO_GATES = "{task: {model: {overrides: {hidden_units: null, share_policies: null}}}}"


def table(results: dict[str, dict]) -> str:
    """The comparison as a Markdown table."""
    header = (
        "model",
        "top-1",
        "sampled",
        "MMACs per clip",
        "of dense",
        "keep / reuse / skip",
    )
    rows = []
    for name in sorted(results, reverse=True):
        metrics = results[name]
        policy = metrics["policy"]
        mix = "–"
        sampled = "–"
        if policy:
            mix = " / ".join(f"{policy[a]:.0%}" for a in ("keep", "reuse", "skip"))
            sampled = f"{metrics['top1_sampled']:.1%}"
        rows.append(
            (
                name,
                f"{metrics['top1']:.1%}",
                sampled,
                f"{1000 * metrics['gmacs_per_clip']:.1f}",
                f"{1 - metrics['saved']:.0%}",
                mix,
            )
        )
    return markdown_table(header, rows)


def _draw(trained, items, metrics, path: Path) -> None:
    model, preprocessing, labels = trained
    item = items[0]
    frames = data.read_video(item.path)
    indices = data.segment_indices(len(frames), preprocessing.num_frames).numpy()
    clip = np.asarray(preprocessing.evaluate(frames[indices]))[None]
    answer = profile(model, clip)
    label = labels[int(np.argmax(answer.logits[0]))]
    draw_policies(
        frames[indices],
        {gate: policy[0] for gate, policy in answer.policies.items()},
        metrics["policy_per_gate"],
        f"AdaFuse on a video of '{item.label}' (answer: '{label}')",
        path,
    )


def _say(text: str) -> None:
    print(f"\n=== {text}", flush=True)
