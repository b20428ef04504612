"""One residual block on one frame of one stream."""

import tensorflow as tf

from adafuse_tf.inference.gated.gate import gate_state_shapes, run_gate


def block_state_shapes(block, mechanism, x_shape):
    """Shapes of a block's state without the batch, as `{"layer/key": shape}`.

    Args:
        block: `Block`.
        mechanism: `Mechanism` of its gate.
        x_shape: `(H, W, C)` of the block's input.
    """
    shapes = {}
    if block.fold:
        shapes[_shift_key(block)] = (*x_shape[:2], block.fold)
    if block.policy is not None:
        state = gate_state_shapes(
            block.policy, block.history, mechanism, block.convs[0], x_shape
        )
        shapes |= {f"{block.name}/{key}": shape for key, shape in state.items()}
    return shapes


def run_block(block, mechanism, x, state, nudge=None):
    """Computes a block.

    Args:
        block: `Block`.
        mechanism: `Mechanism` of its gate.
        x: Its input `[1, H, W, C]`.
        state: `dict[str, Tensor]`, of any layers, with a batch of 1.
        nudge: `[G, 3]` to add to the policy's scores, or None.

    Returns:
        `(output, new_state, decision)`; the decision is None without a gate.
    """
    shifted, new_state = _shift(block, x, state)
    shortcut = x
    if block.projection is not None:
        shortcut = block.projection(shifted if block.shift_projection else x)
    *first, last = block.convs
    bottleneck = len(first) == 2
    start = None if bottleneck else shortcut
    if block.policy is None:
        decision = None
        y = tf.nn.relu(block.convs[0](shifted))
        y = block.convs[1](y)
        y = tf.nn.relu(y if bottleneck else y + shortcut)
    else:
        prefix = f"{block.name}/"
        own = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
        y, own, decision = run_gate(
            block.policy, block.history, mechanism, block.convs[:2], shifted, own,
            start, nudge,
        )  # fmt: skip
        new_state |= {prefix + key: value for key, value in own.items()}
    if bottleneck:
        y = tf.nn.relu(last(y) + shortcut)
    return y, new_state, decision


def _shift_key(block):
    return f"{block.name}_shift/shifted"


def _shift(block, x, state):
    if not block.fold:
        return x, {}
    key, n = _shift_key(block), block.fold
    return tf.concat([state[key], x[..., n:]], axis=-1), {key: x[..., :n]}
