"""What one frame costs, from the decisions on its groups."""

import numpy as np
import tensorflow as tf

from adafuse_tf.costs.macs import gmacs_of_shares


def frame_gmacs(operations, decisions, height, width):
    """GMACs of a frame, the `"macs"` convention, billed when a stream computes it.

    Args:
        operations: The model's cost table.
        decisions: `dict[str, Decision]` of all of its gates.
        height, width: Size of the frame in pixels.

    Returns:
        `[1]` float32.

    Raises:
        KeyError: An operation belongs to a gate without a decision.
    """
    computed, read = _shares(decisions) if decisions else ({}, {})
    computed, read = (
        {
            share: known[share.gate]
            for op in operations
            for share in getattr(op, side)
            if share.gate in known
        }
        for side, known in (("produces", computed), ("consumes", read))
    )
    gmacs = gmacs_of_shares(operations, computed, read, height, width)
    return tf.reshape(tf.cast(gmacs, "float32"), (1,))


def _shares(decisions):
    """Gate name to the share of its groups that is computed, and that is read."""
    # All gates at once: few operations in the graph, however many gates.
    keep, reuse, late = (
        tf.cast(tf.concat(groups, 0), "float32")
        for groups in zip(
            *((d.keep, d.reuse, d.late) for d in decisions.values()), strict=True
        )
    )
    sizes = [d.keep.shape[0] for d in decisions.values()]
    mean = np.repeat(np.eye(len(sizes)) / sizes, sizes, axis=0).astype("float32")
    shares = tf.matmul(tf.stack([keep + late, keep + reuse]), tf.constant(mean))
    return (
        dict(zip(decisions, tf.unstack(row), strict=True)) for row in tf.unstack(shares)
    )
