"""Chooses how each gate saves, from what a runtime was measured to take."""

import dataclasses

import numpy as np

from adafuse_tf.inference.gated.gate import KINDS, Mechanism
from adafuse_tf.inference.gated.probes import measure_runtime
from adafuse_tf.inference.gated.view import GatedView
from adafuse_tf.layers import ACTIONS, KEEP, REUSE, SKIP

# Filters double with every group more that is decided upon together.
CANDIDATES = (
    Mechanism("dense"),
    Mechanism("consumer", 1),
    Mechanism("consumer", 2),
    Mechanism("grouped", 1),
    Mechanism("grouped", 2),
)


def gated_view(model, mix, runtime="litert", **options):
    """The gated view of a model, each gate saving as is expected to be fastest.

    Args:
        model, mix, runtime, **options: See `choose_mechanisms`.

    Returns:
        A `GatedView`.

    Raises:
        ValueError, ImportError: As `choose_mechanisms`.
    """
    return GatedView(model, choose_mechanisms(model, mix, runtime, **options))


def choose_mechanisms(
    model, mix, runtime="litert", costs=None, height=None, width=None, tile=None,
    report=print,
):  # fmt: skip
    """The mechanism of each gate with the least expected time.

    Args:
        model: A `VideoClassifier`.
        mix: Expected shares of (skip, reuse, keep) or a dict of them by action, for
            all gates or as a dict by gate; `profile(model, clips).shares` has those of
            a trained model.
        runtime: `"litert"` or `"tensorflow"`.
        costs: `RuntimeCosts`; measured here by default, which takes seconds.
        height, width: Size of the frames in pixels; by default that of the model's
            preprocessing.
        tile: See `Mechanism`; where several groups share one, `mix` has the shares of
            the tiles, see `tile_shares`.
        report: Called with a line of text per gate.

    Returns:
        `dict[str, Mechanism]` for `GatedView`.

    Raises:
        ValueError: A model that cannot be computed that way, a `mix` that does not give
            the shares of every gate, an unknown runtime, a `tile` that does not fit.
        ImportError: LiteRT is to be measured and not installed.
    """
    gates = list(GatedView(model).gates)
    shares_of = {gate: _shares(mix, gate) for gate in gates}
    costs = costs or measure_runtime(runtime)
    report(
        f"{runtime}: {costs.wide:.4f} ms per MMAC of a whole convolution, "
        f"{costs.narrow:.4f} of a group's, {costs.megabyte:.3f} ms per megabyte, "
        f"{1e3 * costs.branch:.1f} us per condition"
    )
    crop = model.preprocessing.crop
    chosen = {}
    for block, shape in GatedView(model).block_inputs(height or crop, width or crop):
        if block.policy is None:
            continue
        shares = shares_of[block.name]
        times = {
            candidate: expected_ms(block, shape, candidate, shares, costs)
            for candidate in (dataclasses.replace(c, tile=tile) for c in CANDIDATES)
        }
        best = chosen[block.name] = min(times, key=times.get)
        least = {k: min(t for m, t in times.items() if m.kind == k) for k in KINDS}
        listed = ", ".join(f"{kind} {ms:.2f}" for kind, ms in least.items())
        report(f"{block.name}: {best.kind}, {best.together} together ({listed} ms)")
    return chosen


def expected_ms(block, x_shape, mechanism, mix, costs):
    """Milliseconds that a gate with both its convolutions is expected to take.

    Args:
        block: `Block` with a gate.
        x_shape: `(H, W, C)` of its input.
        mechanism: `Mechanism`.
        mix: Shares of (skip, reuse, keep); successive decisions count as independent.
        costs: `RuntimeCosts`.
    """
    skip, reuse, keep = mix
    producer, consumer = block.convs[:2]
    size = producer.output_size(*x_shape[:2])
    made, used = producer.macs(*x_shape[:2]) / 1e6, consumer.macs(*size) / 1e6
    groups = len(producer.bias) // mechanism.tile_of(block.policy)
    y = _megabytes(*size, len(producer.bias))
    out = _megabytes(*consumer.output_size(*size), len(consumer.bias))
    late = reuse * (1 - keep) if block.history == "raw" else 0.0

    if mechanism.kind == "grouped":
        # Groups are put one below the other for the next frame: read and written.
        ms = (keep + late) * made * costs.narrow + 2 * y * costs.megabyte
        ms += groups * (1 + keep) * costs.branch
    else:
        # Masks: two products and a sum.
        ms = made * costs.wide + 8 * y * costs.megabyte
    if mechanism.kind == "dense":
        return ms + used * costs.wide
    sets = -(-groups // mechanism.together)
    idle = skip**mechanism.together
    ms += (1 - skip) * used * costs.narrow
    # A set that is read adds to the sum so far; one that is not hands it on.
    ms += (sets - 1) * out * ((1 - idle) * 3 + idle * 2) * costs.megabyte
    joined = mechanism.together > 1 or mechanism.kind == "consumer"
    ms += (1 - skip) * 2 * y * costs.megabyte * joined
    return ms + groups * costs.branch


def tile_shares(actions, tile):
    """Shares of (skip, reuse, keep) of tiles: what is wanted of any of their channels.

    Args:
        actions: Action indices, integers `[N, T, C]`, as in
            `profile(...).policies[gate]`.
        tile: Channels per tile, a divisor of C.

    Returns:
        Three floats that sum up to 1.

    Raises:
        ValueError: `tile` does not divide C.
    """
    wanted = actions.reshape(*actions.shape[:-1], -1, tile).max(axis=-1)
    return tuple(float(np.mean(wanted == action)) for action in (SKIP, REUSE, KEEP))


def _shares(mix, gate):
    """`(skip, reuse, keep)` of one gate."""
    own = mix
    if isinstance(own, dict) and not set(own) <= set(ACTIONS):
        own = own.get(gate, ())
    if isinstance(own, dict):
        own = [own.get(action, -1) for action in ACTIONS]
    if len(own) != len(ACTIONS) or min(own) < 0 or abs(sum(own) - 1) > 1e-3:
        raise ValueError(
            f"`mix` must give the shares of {ACTIONS}, which sum up to 1, for all "
            f"gates or by gate. Received for '{gate}': {mix}"
        )
    return tuple(own)


def _megabytes(height, width, channels):
    return 4 * height * width * channels / 1e6
