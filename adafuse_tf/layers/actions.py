"""The three things that can happen to a channel of a frame."""

from keras import ops

# The order of the last axis of every policy tensor.
ACTIONS = ("skip", "reuse", "keep")
SKIP, REUSE, KEEP = range(3)

# What a policy may choose from: the paper's method and its two ablations.
ACTION_SETS = (ACTIONS, ("reuse", "keep"), ("skip", "keep"))


def check_actions(actions):
    """Returns `actions` as a tuple, or raises ValueError unless it is a known set."""
    actions = tuple(actions)
    if actions not in ACTION_SETS:
        raise ValueError(
            f"`actions` must be one of {ACTION_SETS}. Received: actions={actions}"
        )
    return actions


def pad_actions(one_hot, actions):
    """Widens a choice among `actions` `[..., A]` to all of `ACTIONS` `[..., 3]`."""
    if actions == ACTIONS:
        return one_hot
    given = dict(zip(actions, ops.unstack(one_hot, axis=-1), strict=True))
    zeros = ops.zeros_like(given["keep"])
    return ops.stack([given.get(action, zeros) for action in ACTIONS], axis=-1)
