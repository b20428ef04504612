"""The networks that the latency benchmark times, exported for both runtimes."""

import dataclasses
from pathlib import Path

import numpy as np
import tensorflow as tf

from adafuse_tf.benchmarks.latency.mixes import draw_actions
from adafuse_tf.inference.gated import dense_clip
from adafuse_tf.models import VideoClassifier

FORMS = ("step", "clip")
# The mix of a network whose time does not depend on one.
ANY = "any"


@dataclasses.dataclass(frozen=True)
class Variant:
    """One network in one form.

    Attributes:
        name: Such as `"AdaFuse-R50 gated"`.
        form: `"step"` or `"clip"`.
        saved_model, tflite: Paths.
        frames: Frames per call.
        starts: Name of a mix to the drawn frame that it starts with.
        gmacs: Per frame, with all kept, policies included.
        plain, twin: Names of the network without gates and of the one that computes
            everything and masks it, to compare a gated one with; else None.
        without_maps_of: Name of the network that this one is, but for handing no
            feature maps on to the next frame; else None.
        inputs: An .npy file of what the calls see, one after the other and then from
            the start: float32 `[N, 1, frames, H, W, 3]`; None for noise.
    """

    name: str
    form: str
    saved_model: str
    tflite: str
    frames: int
    starts: dict
    gmacs: float
    plain: str | None = None
    twin: str | None = None
    without_maps_of: str | None = None
    inputs: str | None = None


def make_model(preset, num_classes, seed=0, **overrides):
    """A network with random weights and statistics that keep its maps in range."""
    model = VideoClassifier.from_preset(preset, num_classes, **overrides)
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        if "policy" in variable.path and variable.path.endswith("kernel"):
            variable.assign(rng.normal(size=variable.shape) * 0.05)
    return model


def export_variant(
    view,
    name,
    form,
    folder,
    size,
    num_frames,
    mixes,
    tflite=True,
    plain=None,
    twin=None,
    without_maps_of=None,
    inputs=None,
):
    """Writes a variant as SavedModel and .tflite with the signature `run`.

    Args:
        view: `GatedView`.
        name: Name of the variant.
        form: `"step"`: one frame and the state. `"clip"`: `num_frames` frames.
        folder: Folder to write to.
        size: Frames are `size` x `size` pixels.
        num_frames: Frames of a clip T.
        mixes: Name of a mix to its first drawn frame.
        tflite: Whether to write the .tflite, too.
        plain, twin, without_maps_of, inputs: See `Variant`.

    Returns:
        A `Variant`.
    """
    count = 1 if form == "step" else num_frames
    frames = tf.TensorSpec((1, count, size, size, 3), name="frames")
    shapes = view.state_shapes(size, size)
    if form == "clip":
        shapes = {k: v for k, v in shapes.items() if k == "drawn/frame"}
    specs = {
        _flat(key): tf.TensorSpec((1, *shape), name=_flat(key))
        for key, shape in shapes.items()
    }

    def run(frames, **state):
        given = {key: state[_flat(key)] for key in shapes}
        full = {**view.initial_state(1, size, size), **given}
        outputs, new = view.step(frames, full)
        if without_maps_of:  # what was computed and where decides what comes next
            new = {k: v for k, v in new.items() if len(v.shape) < 4}
        return outputs | {_flat(k): v for k, v in new.items() if k in shapes}

    path = Path(folder) / f"{_file_name(name)}_{form}"
    _write(run, frames, specs, path, tflite)
    return Variant(
        name=name, form=form, saved_model=str(path), tflite=f"{path}.tflite",
        frames=count, starts=mixes, gmacs=view.dense_gmacs(size, size),
        plain=plain, twin=twin, without_maps_of=without_maps_of, inputs=inputs,
    )  # fmt: skip


def export_dense_clip(view, name, folder, size, num_frames, tflite=True):
    """As `export_variant`, for clips whose frames are computed as one batch."""

    def run(frames):
        logits = dense_clip(view.network, frames[0])
        gmacs = tf.constant([num_frames * view.dense_gmacs(size, size)], "float32")
        return {"logits": logits, "gmacs": gmacs}

    path = Path(folder) / f"{_file_name(name)}_clip"
    frames = tf.TensorSpec((1, num_frames, size, size, 3), name="frames")
    _write(run, frames, {}, path, tflite)
    return Variant(
        name=name, form="clip", saved_model=str(path), tflite=f"{path}.tflite",
        frames=num_frames, starts={ANY: 0},
        gmacs=view.dense_gmacs(size, size),
    )  # fmt: skip


def drawn_table(view, mixes, frames_per_mix, seed=0):
    """Draws the decisions of several mixes one after the other.

    Returns:
        `(actions, starts)`: what `GatedView` takes as `drawn`, and the first frame of
        each mix.
    """
    groups = {gate: policy.groups for gate, policy in view.gates.items()}
    parts = [
        draw_actions(groups, frames_per_mix, mix, seed + i)
        for i, mix in enumerate(mixes.values())
    ]
    actions = {gate: np.concatenate([p[gate] for p in parts]) for gate in groups}
    return actions, {name: i * frames_per_mix for i, name in enumerate(mixes)}


def _write(run, frames, specs, path, tflite):
    function = tf.function(run, autograph=False)
    module = tf.Module()
    module.run = function
    concrete = function.get_concrete_function(frames, **specs)
    tf.saved_model.save(module, str(path), signatures={"run": concrete})
    if tflite:
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(path), signature_keys=["run"]
        )
        Path(f"{path}.tflite").write_bytes(converter.convert())


def _flat(key):
    return key.replace("/", "__")


def _file_name(name):
    return name.lower().replace(" ", "_").replace("-", "_")
