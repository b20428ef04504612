"""Convolutions that compute a group of channels only if it is wanted.

Every group has a branch of its own that closes over its slice of the filters as a
constant. Maps are `[1, H, W, channels]`: one frame of one stream.
"""

import numpy as np
import tensorflow as tf

from adafuse_tf.inference.gated.fold import convolve


def produce(conv, count, x, previous, history, keep, late):
    """The producer's groups: computed from this frame, from the one before, or neither.

    Args:
        conv: `FoldedConv` of the producer.
        count: Number of groups G.
        x: The producer's input.
        previous: That of the frame before, or None where nothing is computed late.
        history: What the producer gave for the frame before, `[1, G · H, W, g]`,
            or None where nothing is reused.
        keep: Booleans `[G]`, groups to compute from `x`.
        late: Booleans `[G]`, groups to compute from `previous`.

    Returns:
        A list of G maps `[1, H, W, g]`; those of the other groups are the history's.
    """
    channels = conv.kernel.shape[-1] // count
    height, width = conv.output_size(*x.shape[1:3])

    def group(i):
        part = conv.outputs(slice(i * channels, (i + 1) * channels))

        def remembered():
            if history is None:
                return tf.zeros((1, height, width, channels))
            return history[:, i * height : (i + 1) * height]

        def otherwise():
            if previous is None:
                return remembered()
            return tf.cond(late[i], lambda: tf.nn.relu(part(previous)), remembered)

        return tf.cond(keep[i], lambda: tf.nn.relu(part(x)), otherwise)

    return [group(i) for i in range(count)]


def consume(conv, groups, read, size, start=None, together=1):
    """The consumer's sum over the groups that are read, then ReLU.

    Args:
        conv: `FoldedConv` of the consumer.
        groups: G functions without arguments that give the maps `[1, H, W, g]`.
        read: Booleans `[G]`.
        size: `(H, W)` of the maps.
        start: Map to add to the sum, such as the shortcut, or None.
        together: So many groups are decided upon together: each of the `2^n - 1` ways
            to read some of them is a convolution of its own. Fewer passes over the sum,
            for `2^(n-1)` times the filters.

    Returns:
        `[1, H', W', C]`.
    """
    count, out_size = len(groups), conv.output_size(*size)
    total = start
    for first in range(0, count, together):
        members = list(range(first, min(first + together, count)))
        bias = conv.bias if first == 0 else None
        last = members[-1] == count - 1

        def add(picked, total=total, bias=bias, last=last):
            """The sum with the contribution of the groups `picked`."""
            y = total
            if picked:
                kernel = _rows(conv.kernel, picked, count)
                y = convolve(_join([groups[i]() for i in picked]), kernel, conv.stride)
                y = y if bias is None else y + bias
                y = y if total is None else total + y
            elif total is None:
                y = tf.broadcast_to(tf.constant(bias), (1, *out_size, len(bias)))
            elif bias is not None:
                y = total + bias
            return tf.nn.relu(y) if last else tf.identity(y)

        total = _choose(members, read, add)
    return total


def _choose(members, read, add, picked=()):
    """Calls `add` with those of `members` that are read; a tree of conditions."""
    if not members:
        return add(picked)
    first, *rest = members
    return tf.cond(
        read[first],
        lambda: _choose(rest, read, add, (*picked, first)),
        lambda: _choose(rest, read, add, picked),
    )


def _rows(kernel, picked, count):
    """The filters' part for the input channels of some of `count` groups."""
    parts = np.split(kernel, count, axis=2)
    return np.ascontiguousarray(np.concatenate([parts[i] for i in picked], axis=2))


def _join(maps):
    return maps[0] if len(maps) == 1 else tf.concat(maps, axis=-1)
