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
    zeros = ops.zeros_like(one_hot[..., :1])
    columns = [
        one_hot[..., actions.index(a), None] if a in actions else zeros for a in ACTIONS
    ]
    return ops.concatenate(columns, axis=-1)
