"""What one operation of the network costs, before any policy."""

import dataclasses

HEIGHT, WIDTH = 0, 1


@dataclasses.dataclass(frozen=True)
class Share:
    """Gated channels among those that an operation makes or reads.

    Attributes:
        gate: Name of the gate.
        start, stop: Which of its channels; `stop` is `None` for all from `start` on.
        weight: Share of the operation's channels that these are.
    """

    gate: str
    start: int = 0
    stop: int | None = None
    weight: float = 1.0


@dataclasses.dataclass(frozen=True)
class Operation:
    """One row of the static cost table.

    Attributes:
        name: Name of the layer.
        macs: Multiply-accumulates per position (exact convention).
        authors: Operations per position as the released code counts them.
        extents: The axes of the positions, see `positions`; none for an operation that
            happens once per frame.
        produces: Gates whose channels this operation computes, a tuple of `Share`; a
            name stands for all channels of a gate.
        consumes: Gates whose channels this operation reads, likewise.
    """

    name: str
    macs: float
    authors: float
    extents: tuple = ()
    produces: tuple | str | None = ()
    consumes: tuple | str | None = ()

    def __post_init__(self):
        # Frozen, and hashable also from the lists of a configuration.
        object.__setattr__(self, "extents", _tuples(self.extents))
        object.__setattr__(self, "produces", _as_shares(self.produces))
        object.__setattr__(self, "consumes", _as_shares(self.consumes))

    def positions(self, height, width):
        """Positions for a frame of `height` x `width` pixels."""
        return positions(self.extents, height, width)


def positions(extents, height, width):
    """Number of positions of a map.

    Args:
        extents: Of each axis `(HEIGHT or WIDTH, steps)`: its size is that of the frame
            after the steps `(a, b, c)`, each of which makes `(a * n + b) // c` of n.
            Padding, strides, pooling, cropping and upsampling are all of this form.
        height, width: Size of the frame in pixels, ints or scalar tensors.
    """
    total = 1
    for axis, steps in extents:
        size = height if axis == HEIGHT else width
        for a, b, c in steps:
            size = (a * size + b) // c
        total = total * size
    return total


def conv2d(
    name, kernel_size, inputs, outputs, stride, bias=False, produces=(), consumes=()
):
    """A square convolution: `c'·(k·k·c + bias)` per position (paper Eq. 4).

    `stride` is that of its positions in pixels of the frame; it pads so that
    `ceil(n / stride)` are left.
    """
    macs = outputs * (kernel_size * kernel_size * inputs + int(bias))
    step = (1, stride - 1, stride)
    extents = ((HEIGHT, (step,)), (WIDTH, (step,)))
    return Operation(name, macs, macs, extents, produces, consumes)


def dense(name, inputs, outputs):
    """A dense layer per frame; the released code counts both of a MAC."""
    return Operation(name, inputs * outputs, 2 * inputs * outputs)


def _as_shares(shares):
    if isinstance(shares, str):
        return (Share(shares),)
    return tuple(
        share if isinstance(share, Share) else Share(**share) for share in shares or ()
    )


def _tuples(nested):
    if isinstance(nested, (list, tuple)):
        return tuple(map(_tuples, nested))
    return nested
