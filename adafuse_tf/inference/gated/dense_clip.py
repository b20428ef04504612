"""The dense view with the same constants: all frames of a clip at once.

What a gated clip is to be compared with: nothing is skipped, the frames form one batch.
"""

import tensorflow as tf

from adafuse_tf.inference.gated.policy import decide
from adafuse_tf.inference.gated.stem import run_head, run_stem


def dense_clip(network, frames):
    """Classifies one clip.

    Args:
        network: `Network` of a classifier with raw histories.
        frames: `[T, H, W, 3]`.

    Returns:
        Logits `[1, K]`.
    """
    x = run_stem(network, frames)
    for block in network.blocks:
        x = _run_block(block, x)
    return tf.reduce_mean(run_head(network, x), axis=0, keepdims=True)


def _run_block(block, x):
    shifted = x
    if block.fold:
        n = block.fold
        shifted = tf.concat([_previous(x[..., :n]), x[..., n:]], axis=-1)
    shortcut = x
    if block.projection is not None:
        shortcut = block.projection(shifted if block.shift_projection else x)
    y = tf.nn.relu(block.convs[0](shifted))
    if block.policy is not None:
        y = _mask(block.policy, shifted, y)
    for conv in block.convs[1:-1]:
        y = tf.nn.relu(conv(y))
    return tf.nn.relu(block.convs[-1](y) + shortcut)


def _mask(policy, x, y):
    features = policy.features(x)
    scores = policy.scores(features, _previous(features))
    decision = decide(scores, tf.zeros(scores.shape[:-1], "bool"), fused=False)
    keep, reuse = (
        tf.repeat(tf.cast(a, "float32"), policy.group_size, axis=-1)[:, None, None]
        for a in (decision.keep, decision.reuse)
    )
    return y * keep + _previous(y) * reuse if policy.remembers else y * keep


def _previous(x):
    """Shifts by one frame; before the first there are zeros."""
    return tf.concat([tf.zeros_like(x[:1]), x[:-1]], axis=0)
