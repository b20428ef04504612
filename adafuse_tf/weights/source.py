"""Reading a PyTorch checkpoint into plain NumPy arrays under common names."""

import pathlib
import re
import zipfile

import numpy as np

# Spellings of the same tensor: the released code's, its baselines' and torchvision's.
_RENAMES = (
    (r"^module\.", ""),
    (r"^base_model\.", ""),
    (r"^new_fc\.", "fc."),
    (r"\.conv1\.net\.", ".conv1."),
    (r"\.downsample\.([01])\.", r".downsample\1."),
)
_SHIFT_MARK = ".conv1.net."


def read_source(source):
    """Loads a checkpoint.

    Args:
        source: `dict[str, np.ndarray]`, or the path of a `.npz` file or of a file that
            `torch.save` wrote (`.pth`, `.pt`, `.pth.tar`, `.tar`).

    Returns:
        A tuple `(tensors, originals, marks_shift)`: arrays by common name, the original
        spelling of each name, and whether the names show a TSM network.

    Raises:
        FileNotFoundError: The file is not there.
        ValueError: It is no checkpoint, or of a kind that is not supported.
        ImportError: A PyTorch file, without PyTorch.
    """
    if isinstance(source, dict):
        raw = source
    else:
        raw = _read_file(pathlib.Path(source))
    raw = {name: np.asarray(value) for name, value in raw.items()}
    tensors, originals = {}, {}
    for name, value in raw.items():
        if name.endswith("num_batches_tracked"):
            continue
        common = name
        for pattern, replacement in _RENAMES:
            common = re.sub(pattern, replacement, common)
        if common in tensors:
            raise ValueError(
                "Two tensors of the checkpoint mean the same. "
                f"Received: {originals[common]!r} and {name!r}"
            )
        tensors[common] = value
        originals[common] = name
    return tensors, originals, any(_SHIFT_MARK in name for name in raw)


def _read_file(path):
    if not path.exists():
        raise FileNotFoundError(f"No checkpoint there. Received: source={str(path)!r}")
    if path.suffix == ".npz":
        try:
            with np.load(path) as file:
                return dict(file)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"Not a readable .npz file ({error}). Received: source={str(path)!r}"
            ) from error
    if path.suffix not in (".pth", ".pt", ".tar"):
        raise ValueError(
            "`source` must be a dict of arrays, a .npz file or a PyTorch file (.pth, "
            f".pt, .pth.tar). Received: source={str(path)!r}"
        )
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            "Reading PyTorch files needs PyTorch: pip install 'adafuse_tf[convert]'."
        ) from error
    # weights_only: a checkpoint from elsewhere must not run code.
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"Not a readable PyTorch checkpoint ({str(error).splitlines()[0]}). "
            f"Received: source={str(path)!r}"
        ) from error
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(state, dict):
        raise ValueError(
            "A PyTorch checkpoint must hold a dict of tensors. Received: "
            f"{type(loaded).__name__} in {str(path)!r}"
        )
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise ValueError(
                "A PyTorch checkpoint must hold a dict of tensors, by itself or under "
                f"'state_dict'. Received: {type(value).__name__} under {name!r} in "
                f"{str(path)!r}"
            )
    return {name: tensor.detach().numpy() for name, tensor in state.items()}
