"""Parts of a tensor along time."""

from keras import ops


def drop_first(x):
    """`x[:, 1:]` of `[B, T, ...]`."""
    return _slice_time(x, 1)


def drop_last(x):
    """`x[:, :-1]` of `[B, T, ...]`."""
    return _slice_time(x, 0)


def _slice_time(x, start):
    # Not by indexing: the gradient of TensorFlow's strided slice took a third of a
    # training step; that of a plain slice is a cheap padding.
    batch, time, *rest = ops.shape(x)
    starts = (0, start, *([0] * len(rest)))
    return ops.slice(x, starts, (batch, time - 1, *rest))
