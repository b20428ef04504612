"""Rebuilds the checkpoint and the clip that a set of golden numbers belongs to.

Every tensor is drawn by NumPy's PCG64 seeded with (seed, crc32 of its name), so that
names and shapes are enough; tensors under `tuned/` are stored.
"""

import dataclasses
import json
import pathlib
import re
import zlib

import numpy as np

FOLDER = pathlib.Path(__file__).parent / "parity"
_POLICY = re.compile(r"(.*policy_net)\.gate_fc([01])\.(weight|bias)$")


@dataclasses.dataclass(frozen=True)
class Golden:
    """A checkpoint, its input and the numbers that must come out."""

    name: str
    tensors: dict
    clip: np.ndarray  # [N, T, H, W, 3]
    meta: dict
    outputs: dict

    def gates(self, kind):
        """The per-gate arrays of one kind, in network order."""
        names = sorted(k for k in self.outputs if k.startswith(f"{kind}/"))
        return [self.outputs[k] for k in names]


def load(name, tuned=True):
    """Loads one configuration from `parity/`, with or without its tuned tensors."""
    meta = json.loads((FOLDER / f"{name}.json").read_text())
    with np.load(FOLDER / f"{name}.npz") as file:
        outputs = dict(file)
    prefix = "tuned/"
    stored = {
        k.removeprefix(prefix): outputs.pop(k)
        for k in list(outputs)
        if k.startswith(prefix)
    }
    tensors = rebuild(meta["shapes"], meta["seed"], stored if tuned else {})
    frames = clip(**{k: meta[k] for k in ("N", "T", "size", "seed")})
    return Golden(name, tensors, frames, meta, outputs)


def rebuild(shapes, seed, tuned):
    """All tensors of a checkpoint by name."""
    bottleneck = any(k.endswith("layer1.0.conv3.weight") for k in shapes)
    shared = any(".gate_fc0s." in k for k in shapes)

    def common(name):
        match = _POLICY.match(name)
        if not (shared and match):
            return name
        net, which, leaf = match.groups()
        inputs = shapes[f"{net}.gate_fc0.weight"][1]
        outputs = shapes[f"{net}.gate_fc1.weight"][0]
        return f"module.base_model.gate_fc{which}s.{inputs}_{outputs}.{leaf}"

    tuned = {common(k): v for k, v in tuned.items()}
    tensors = {}
    for name, shape in shapes.items():
        source = common(name)
        if name.endswith("num_batches_tracked"):
            tensors[name] = np.int64(0)
        elif source in tuned:
            tensors[name] = tuned[source]
        else:
            tensors[name] = _draw(source, tuple(shape), seed, bottleneck)
    return tensors


def clip(N, T, size, seed):  # noqa: N803
    """A normalised clip `[N, T, H, W, 3]` whose frames resemble each other."""
    rng = np.random.default_rng([seed, 777])
    base = rng.standard_normal((N, 1, 3, size, size)).astype(np.float32)
    noise = rng.standard_normal((N, T, 3, size, size)).astype(np.float32)
    gain = rng.uniform(0.3, 1.5, (N, T, 1, 1, 1)).astype(np.float32)
    shift = rng.uniform(-1.0, 1.0, (N, T, 3, 1, 1)).astype(np.float32)
    frames = (0.8 * base + gain * 0.8 * noise + shift).astype(np.float32)
    return np.moveaxis(frames, 2, -1)


def _draw(name, shape, seed, bottleneck):
    key = name.removeprefix("module.").encode()
    rng = np.random.default_rng([seed, zlib.crc32(key)])
    layer, leaf = name.split(".")[-2:]
    weight = leaf == "weight"
    if not weight and layer.startswith(("gate_fc", "new_fc")) or "gate_fc" in name:
        scale = _dense_scale(name, shape, weight)
    elif "new_fc" in name:
        scale = 1 / np.sqrt(shape[1])
    elif len(shape) == 4:
        scale = np.sqrt(2.0 / np.prod(shape[1:]))
    elif weight:
        last = layer == ("bn3" if bottleneck else "bn2")
        low, high = (0.2, 0.6) if last else (0.6, 1.4)
        return rng.uniform(low, high, shape).astype(np.float32)
    elif layer.startswith(("conv", "inception")) and not layer.endswith("_bn"):
        scale = 0.1  # bias of a convolution
    else:
        scale = 0.5 if "gate_bn" in name else 0.2
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def _dense_scale(name, shape, weight):
    if "new_fc" in name:
        return 0.1
    if "gate_fc0" in name:
        return 3.0 / np.sqrt(shape[1]) if weight else 0.1
    return 2.0 / np.sqrt(shape[1]) if weight else 1.0
