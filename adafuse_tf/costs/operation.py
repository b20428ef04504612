"""What one operation of the network costs, before any policy."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Operation:
    """One row of the static cost table.

    Attributes:
        name: Name of the layer.
        macs: Multiply-accumulates per output position (exact convention).
        authors: Operations per output position as the released code counts them.
        stride: Input pixels per output position along one axis, or `None` for an
            operation that happens once per frame.
        produces: Gate whose channels this operation computes, if any.
        consumes: Gate whose channels this operation reads, if any.
    """

    name: str
    macs: float
    authors: float
    stride: int | None = None
    produces: str | None = None
    consumes: str | None = None

    def positions(self, height, width):
        """Output positions for a frame of `height` x `width` pixels.

        Every strided layer pads so that it keeps `ceil(n / stride)` positions; nested
        ceilings are the ceiling of the product.
        """
        if self.stride is None:
            return 1
        up = self.stride - 1
        return ((height + up) // self.stride) * ((width + up) // self.stride)


def conv2d(name, kernel_size, inputs, outputs, stride, bias=False, **gates):
    """A square convolution: `c'·(k·k·c + bias)` per position (paper Eq. 4)."""
    macs = outputs * (kernel_size * kernel_size * inputs + int(bias))
    return Operation(name, macs, macs, stride, **gates)


def batch_norm(name, channels, stride):
    """No MACs: it folds into the convolution; the released code counts 2 per value."""
    return Operation(name, 0, 2 * channels, stride)


def dense(name, inputs, outputs):
    """A dense layer per frame; the released code counts both of a MAC."""
    return Operation(name, inputs * outputs, 2 * inputs * outputs)


def global_average_pool(name, channels, stride):
    """Pooling has no MACs; the released code counts `positions + 1` per channel."""
    return [
        Operation(f"{name}_sum", 0, channels, stride),
        Operation(f"{name}_divide", 0, channels),
    ]


def lstm(name, inputs, units):
    """One step of an LSTM; the released code's rule for dense layers is used."""
    macs = 4 * units * (inputs + units)
    return Operation(name, macs, 2 * macs)
