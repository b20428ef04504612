"""From the decisions on groups of channels to the tiles that are computed."""

import tensorflow as tf


class Tiles:
    """What has to be computed where several groups share a branch.

    Args:
        policy: `GroupPolicy`.
        decision: `Decision` on its groups.
        missing: Booleans `[G]`, the state that the decision was made with.
        size: Channels per tile, a multiple of those per group.

    Attributes:
        count: Number of tiles N.
        exact: Whether every tile is one group.
        keep: Booleans `[N]`, tiles that this frame needs.
        late: Booleans `[N]`, tiles that this frame needs of the frame before, which did
            not compute them.
        read: Booleans `[N]`, tiles that the consumer reads.
    """

    def __init__(self, policy, decision, missing, size):
        self.size = size
        self.count = policy.groups * policy.group_size // size
        self.exact = size == policy.group_size
        self._group_size = policy.group_size
        self._decision = decision
        self.keep = self._any(decision.keep)
        self.read = self._any(decision.read)
        self.late = self._any(decision.late)
        if not self.exact:
            # A tile was computed whole, or not at all.
            computed = self._any(tf.logical_not(missing))
            self.late = tf.logical_and(self.late, tf.logical_not(computed))

    def mix(self, index, now, past):
        """Tile `index` as the consumer reads it, `[1, H, W, size]`."""
        part = slice(index * self.size, (index + 1) * self.size)
        mixed = now * self.masks(self._decision.keep)[part]
        if past is not None:
            mixed += past * self.masks(self._decision.reuse)[part]
        return mixed

    def masks(self, groups):
        """Booleans `[G]` to floats `[C]`, one per channel."""
        wide = tf.repeat(tf.cast(groups, "float32")[:, None], self._group_size, axis=1)
        return tf.reshape(wide, (-1,))

    def _any(self, groups):
        if self.exact:
            return groups
        return tf.reduce_any(tf.reshape(groups, (self.count, -1)), axis=1)
