"""What one frame costs, from the decisions on its groups."""

import numpy as np
import tensorflow as tf

from adafuse_tf.costs import static_gmacs


class FrameCost:
    """GMACs of a frame, the `"macs"` convention, billed when a stream computes it.

    Linear in the decisions: a constant, and a weight per group and kind of decision.

    Args:
        operations: The model's cost table.
        gates: `dict[str, GroupPolicy]`.
        height, width: Size of the frames in pixels.
    """

    def __init__(self, operations, gates, height, width):
        def gmacs(produces, consumes):
            own = [
                operation
                for operation in operations
                if (operation.produces, operation.consumes) == (produces, consumes)
            ]
            return static_gmacs(own, height, width)

        self.constant = gmacs(produces=None, consumes=None)
        produce, consume = [], []
        for gate, policy in gates.items():
            per_group = np.ones(policy.groups) / policy.groups
            produce.append(gmacs(produces=gate, consumes=None) * per_group)
            consume.append(gmacs(produces=None, consumes=gate) * per_group)
        self.produce = np.concatenate([*produce, []]).astype("float32")
        self.consume = np.concatenate([*consume, []]).astype("float32")

    def __call__(self, decisions):
        """`dict[str, Decision]` to `[1]` float32."""
        if not decisions:
            return tf.constant([self.constant], "float32")
        keep, reuse, late = (
            tf.cast(tf.concat(booleans, 0), "float32")
            for booleans in zip(
                *((d.keep, d.reuse, d.late) for d in decisions.values()), strict=True
            )
        )
        spent = (keep + late) * self.produce + (keep + reuse) * self.consume
        return self.constant + tf.reduce_sum(spent)[None]
