"""A trained network with the decisions that it takes on its own clips."""

from pathlib import Path

import numpy as np

from adafuse_tf.benchmarks.latency.variants import ANY, export_variant
from adafuse_tf.export.sample_clips import sample_clips
from adafuse_tf.inference import profile
from adafuse_tf.inference.gated import GatedView, Mechanism, gated_view
from adafuse_tf.training.data_source import evaluation_sampler
from adafuse_tf.training.model_dir import ModelDir, load_trained

AS_TRAINED = "as trained"


def export_trained(model_dir, settings, runtime, folder, report):
    """Exports a run's network dense and gated, in steps, with clips to run on.

    The frames are those of validation clips, one clip after the other as one stream.

    Args:
        model_dir: Folder of a run of `train/train.py` with gates.
        settings: `LatencySettings`.
        runtime: `"litert"` or `"tensorflow"`.
        folder: Folder to write to.
        report: Called with lines of text.

    Returns:
        A list of `Variant`.

    Raises:
        ValueError: The network has no gates, or cannot stream.
        ModelDirError, FileNotFoundError: No trained run, or its records are gone.
    """
    run = ModelDir(model_dir)
    model, preprocessing, _ = load_trained(run)
    if not model.gates:
        raise ValueError(
            "A network without gates has nothing to leave out. "
            f"Received: model_dir={run.name!r}"
        )
    task = run.read_config().task
    count = -(-(settings.repeats + 1) // preprocessing.num_frames)
    clips, _ = sample_clips(
        preprocessing, evaluation_sampler(task), task.data_dir,
        task.validation_data.split, count,
    )  # fmt: skip
    clips = np.asarray(model.preprocessing.normalize(clips))
    folder = Path(folder) / runtime
    folder.mkdir(parents=True, exist_ok=True)
    inputs = folder / "frames.npy"
    np.save(inputs, clips.reshape(-1, 1, 1, *clips.shape[2:]))
    size, name = preprocessing.crop, Path(run.name).name
    twin, gated = f"{name} dense", f"{name} gated"

    def export(view, title, starts, **options):
        report(f"Exporting {title} for {runtime}, step")
        return export_variant(
            view, title, "step", folder, size, 1, starts, runtime == "litert",
            inputs=str(inputs), **options,
        )  # fmt: skip

    view = gated_view(model, profile(model, clips).shares, runtime, report=report)
    start = {AS_TRAINED: 0}
    return [
        export(GatedView(model, Mechanism("dense")), twin, {ANY: 0}),
        export(view, gated, start, twin=twin),
        export(view, f"{gated} without maps", start, without_maps_of=gated),
    ]
