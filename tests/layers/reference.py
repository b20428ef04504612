"""The method once more, in plain loops of NumPy."""

import numpy as np


def fuse(y, actions, history):
    """Applies actions `[B, T, C]` (0 skip, 1 reuse, 2 keep) to maps `y`."""
    out = np.zeros_like(y)
    for b, t, c in np.ndindex(*actions.shape):
        if actions[b, t, c] == 2:
            out[b, t, ..., c] = y[b, t, ..., c]
        elif actions[b, t, c] == 1 and t > 0:
            source = y if history == "raw" else out
            out[b, t, ..., c] = source[b, t - 1, ..., c]
    return out


def policy(x, layer):
    """Arg max actions `[B, T, decisions]` of a LearnedPolicy, among its action set."""
    v = x.mean((2, 3)) if layer.pooling == "average" else x.max((2, 3))
    if "reuse" in layer.actions:
        past = np.concatenate([np.zeros_like(v[:, :1]), v[:, :-1]], 1)
        v = np.concatenate([past, v], -1)
    w = {name: [np.array(v) for v in part.weights] for name, part in (
        ("in", layer.hidden_dense), ("bn", layer.batch_norm),
        ("out", layer.output_dense))}  # fmt: skip
    h = v @ w["in"][0] + w["in"][1]
    gamma, beta, mean, variance = w["bn"]
    h = np.maximum((h - mean) / np.sqrt(variance + 1e-5) * gamma + beta, 0)
    q = h @ w["out"][0] + w["out"][1]
    q = q.reshape(*q.shape[:2], -1, len(layer.actions))
    return q.argmax(-1)
