"""Weights files: written whole or not at all, read only where they fit."""

import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

import h5py
import keras

from adafuse_tf.training.errors import ModelDirError
from adafuse_tf.training.whole_files import written_whole

# Where files of version 0.1 have layers of images.
_WRAPPED = "layers/per_frame"
# What is in files of models and a checkpoint for use does not need.
_NOT_WEIGHTS = ("optimizer", "vars")  # the latter has states of random numbers


def save_weights(model: keras.Model, path: str | Path) -> None:
    """Writes the model's variables, without the optimizer's, as `.weights.h5`.

    The file appears under its name when it is complete: a run that is killed
    meanwhile leaves the former file.

    Raises:
        WriteError: it cannot be written.
    """
    with written_whole(Path(path)) as weights:
        everything = weights.with_name("everything.weights.h5")
        model.save_weights(everything)
        with h5py.File(everything) as source, h5py.File(weights, "w") as target:
            target.attrs.update(source.attrs)
            for name in source:
                if name not in _NOT_WEIGHTS:
                    source.copy(name, target)


def load_weights(model: keras.Model, path: str | Path, as_start: bool = False) -> None:
    """Loads a `.weights.h5` of the same architecture.

    Args:
        model: a built model.
        path: the file.
        as_start: whether training goes on from there, so that the file may be of a
            network with another number of classes, or without gates where `model` has
            some. What the file lacks keeps the values it has.

    Raises:
        FileNotFoundError: there is no such file.
        ModelDirError: the file is damaged or of another architecture; the message
            names the first variable that differs.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no weights file. Received: {str(path)!r}")
    found, expected = _variables_in(path), _variables_of(model)
    if _wraps(found) and not _wraps(expected):
        with tempfile.TemporaryDirectory() as folder:
            unwrapped = Path(folder) / "unwrapped.weights.h5"
            _unwrap(path, unwrapped, expected)
            return load_weights(model, unwrapped, as_start)
    differing = [
        name
        for name in {**expected, **found}
        if found.get(name, _ABSENT).shape != expected.get(name, _ABSENT).shape
    ]
    refused = differing
    if as_start:
        if not any(map(_is_of_gate, found)):
            refused = [name for name in refused if not _is_of_gate(name)]
        if _is_classifier(refused, found, expected):
            refused = []
    if refused:
        name = refused[0]
        there, here = found.get(name, _ABSENT), expected.get(name, _ABSENT)
        raise ModelDirError(
            f"{path} is of another architecture: {here.layer or there.layer} "
            f"({name}) has shape {there.shape} in the file and {here.shape} in the "
            f"model; {len(refused)} of {len(expected)} variables differ. Give "
            "weights of the same preset and overrides"
        )
    with warnings.catch_warnings():
        if differing:  # Keras lists at length what has just been found
            warnings.simplefilter("ignore")
        model.load_weights(path, skip_mismatch=bool(differing))


def _wraps(names) -> bool:
    return any(name.startswith(_WRAPPED) for name in names)


def _unwrap(path, target, expected):
    """Copies a file of version 0.1, whose layers of images were wrapped in others."""
    places = {v.layer: name.rsplit("/", 1)[0] for name, v in expected.items()}
    with h5py.File(path) as source, h5py.File(target, "w") as copy:
        copy.attrs.update(source.attrs)
        for name, group in source["layers"].items():
            if not f"layers/{name}".startswith(_WRAPPED):
                source.copy(group, copy, f"layers/{name}")
            elif "layer/vars" in group and len(group["layer/vars"]):
                inside = group["layer/vars"]
                layer = inside.attrs["name"]
                place = places.get(layer, f"layers/{layer}/vars")
                source.copy(inside, copy, place)


class _Variable(NamedTuple):
    shape: tuple | None
    layer: str | None


_ABSENT = _Variable(None, None)


def _is_of_gate(name) -> bool:
    """Whether a variable belongs to an `AdaptiveTemporalFusion`."""
    # Keras' places have the snake-cased classes of layers, numbered.
    return "adaptive_temporal_fusion" in name


def _is_classifier(names, found, expected) -> bool:
    """Whether these are the variables of one layer with another number of outputs.

    Of a layer outside of gates, whose channels are none of the classes.
    """
    if any(map(_is_of_gate, names)):
        return False
    same_layer = len({name.rsplit("/", 1)[0] for name in names}) == 1
    return same_layer and all(
        name in found
        and name in expected
        and found[name].shape[:-1] == expected[name].shape[:-1]
        for name in names
    )


def _variables_of(model: keras.Model) -> dict[str, _Variable]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.weights.h5"
        save_weights(model, path)
        return _variables_in(path)


def _variables_in(path: Path) -> dict[str, _Variable]:
    """Shape and layer by place in the file; places follow the model's layers."""
    variables: dict[str, _Variable] = {}

    def note(name, entry):
        if isinstance(entry, h5py.Dataset) and name.split("/")[0] not in _NOT_WEIGHTS:
            layer = entry.parent.attrs.get("name")
            variables[name] = _Variable(tuple(entry.shape), layer)

    try:
        with h5py.File(path) as file:
            file.visititems(note)
    except OSError as error:
        raise ModelDirError(
            f"{path} is no weights file, or damaged; take another checkpoint or train "
            f"again. Received: {error}"
        ) from None
    return variables
