"""A gate with the convolutions on both of its sides, on one frame of one stream."""

import dataclasses
import functools

import tensorflow as tf

from adafuse_tf.inference.gated.grouped_convs import consume, produce
from adafuse_tf.inference.gated.policy import decide
from adafuse_tf.inference.gated.tiles import Tiles

KINDS = ("dense", "consumer", "grouped")


@dataclasses.dataclass(frozen=True)
class Mechanism:
    """How the convolutions of a gate save.

    Attributes:
        kind: `"dense"`: both compute everything and what is not wanted is masked.
            `"consumer"`: the producer computes everything, the consumer reads groups.
            `"grouped"`: the producer, too, computes only the groups that are wanted.
        together: See `consume`.
        tile: Channels per branch, a multiple of the policy's group size, which is the
            default. What one of its groups wants is computed for all of a tile, then
            masked: for models that decide in groups too small for a branch.
    """

    kind: str = "grouped"
    together: int = 1
    tile: int | None = None

    def tile_of(self, policy):
        """Channels per branch at a gate with this `GroupPolicy`."""
        tile = self.tile or policy.group_size
        channels = policy.groups * policy.group_size
        if tile % policy.group_size or channels % tile:
            raise ValueError(
                f"`tile` must be a multiple of the group size {policy.group_size} and "
                f"divide {channels} channels. Received: tile={tile}"
            )
        return tile

    def __post_init__(self):
        if self.kind not in KINDS or self.together < 1:
            raise ValueError(
                f"`kind` must be one of {KINDS} and `together` at least 1. "
                f"Received: {self}"
            )


def gate_state_shapes(policy, history, mechanism, producer, x_shape):
    """Shapes of a gate's state without the batch.

    Args:
        policy: `GroupPolicy`.
        history: `"raw"` or `"fused"`.
        mechanism: `Mechanism`.
        producer: `FoldedConv`.
        x_shape: `(H, W, C)` of the producer's input.

    Returns:
        A dict; empty where the policy never reuses.
    """
    if not policy.remembers:
        return {}
    size = producer.output_size(*x_shape[:2])
    state = {"features": (x_shape[2],), "missing": (policy.groups,)}
    if mechanism.kind != "grouped":
        state["history"] = (*size, policy.groups * policy.group_size)
        return state
    # Tiles one below the other: each is contiguous, and runtimes cut maps of rank 4
    # fifty times as fast as those of rank 5.
    tile = mechanism.tile_of(policy)
    tiles = policy.groups * policy.group_size // tile
    state["history"] = (tiles * size[0], size[1], tile)
    if history == "raw":
        state["input"] = tuple(x_shape)
    return state


def run_gate(policy, history, mechanism, convs, x, state, start=None, nudge=None):
    """Producer, gate and consumer.

    Args:
        policy: `GroupPolicy`.
        history: `"raw"` or `"fused"`.
        mechanism: `Mechanism`.
        convs: Producer and consumer, `FoldedConv`.
        x: The producer's input `[1, H, W, C]`.
        state: As in `gate_state_shapes`, with a batch of 1.
        start: Map to add to what the consumer gives, before its ReLU, or None.
        nudge: `[G, 3]` to add to the policy's scores, or None.

    Returns:
        `(output, new_state, decision)`; the output `[1, H', W', C']` has gone through
        ReLU.
    """
    fused = history == "fused"
    features = policy.features(x)
    previous = state.get("features")
    scores = policy.scores(features, previous)
    reasons = [r for r in (previous, features, scores) if r is not None]
    scores = scores[0] if nudge is None else scores[0] + nudge
    if policy.remembers:
        missing = state["missing"][0] > 0.5
    else:
        missing = tf.zeros((policy.groups,), "bool")
    decision = decide(scores, missing, fused, reasons)
    new = {"features": features, "missing": _to_float(decision.missing)[None]}

    producer, consumer = convs
    tiles = Tiles(policy, decision, missing, mechanism.tile_of(policy))
    if mechanism.kind == "grouped":
        new["input"] = x
        groups, new["history"] = _produce_tiles(producer, tiles, x, state, fused)
    else:
        y = tf.nn.relu(producer(x))
        z = y * tiles.masks(decision.keep)
        if policy.remembers:
            z += state["history"] * tiles.masks(decision.reuse)
        new["history"] = z if fused else y
        groups = [
            functools.partial(_part, z, i, tiles.size) for i in range(tiles.count)
        ]
    if mechanism.kind == "dense":
        out = consumer(z)
        out = tf.nn.relu(out if start is None else out + start)
    else:
        size = producer.output_size(*x.shape[1:3])
        out = consume(consumer, groups, tiles.read, size, start, mechanism.together)
    return out, {key: new[key] for key in state}, decision


def _produce_tiles(producer, tiles, x, state, fused):
    """Returns functions that give what the consumer reads, and the new history."""
    make = functools.partial(
        produce, producer, tiles.count, history=state.get("history")
    )
    if tiles.exact:
        maps = make(x, state.get("input"), keep=tiles.keep, late=tiles.late)
        return [functools.partial(_itself, m) for m in maps], tf.concat(maps, axis=1)
    # Some of a tile may be kept and some reused: it is needed of both frames.
    now = make(x, None, keep=tiles.keep, late=None)
    if "history" not in state:
        past = [None] * tiles.count
    elif fused:
        past = tf.split(state["history"], tiles.count, axis=1)
    else:
        past = make(state["input"], None, keep=tiles.late, late=None)
    mixed = [
        functools.partial(tiles.mix, i, *maps)
        for i, maps in enumerate(zip(now, past, strict=True))
    ]
    history = [mix() for mix in mixed] if fused else now
    return mixed, tf.concat(history, axis=1)


def _itself(x):
    return x


def _part(x, index, size):
    return x[..., index * size : (index + 1) * size]


def _to_float(x):
    return tf.cast(x, "float32")
