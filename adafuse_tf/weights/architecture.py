"""What a checkpoint's names and shapes tell about its network."""

import dataclasses
import re

from adafuse_tf.layers import ACTIONS
from adafuse_tf.networks.bn_inception import MODULES
from adafuse_tf.networks.resnet import BLOCKS_PER_STAGE

_BLOCK = re.compile(r"^layer(\d)\.(\d+)\.(.*)$")
_SHARED = re.compile(r"^gate_fc[01]s\.")


@dataclasses.dataclass(frozen=True)
class Architecture:
    """What is read off a checkpoint.

    Attributes:
        family: `"resnet"` or `"bn_inception"`.
        network: Options of the image network.
        gates: Options of the gates.
        num_classes: Number of labels.
    """

    family: str
    network: dict
    gates: dict
    num_classes: int


def infer_architecture(tensors):
    """Infers depth, width, gates and their options, and the number of classes.

    Args:
        tensors: Arrays by common name, see `read_source`.

    Returns:
        An `Architecture`. The shift cannot be seen in a checkpoint.

    Raises:
        ValueError: No ResNet of a known depth and no BN-Inception, or gates that follow
            no known rule.
    """
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    if any(name.startswith("inception_") for name in shapes):
        return _bn_inception(shapes)
    blocks = {}
    for name in shapes:
        match = _BLOCK.match(name)
        if match:
            stage, block, leaf = match.groups()
            blocks.setdefault((int(stage), int(block)), set()).add(leaf)
    counts = tuple(
        1 + max((b for s, b in blocks if s == stage), default=-1)
        for stage in range(1, 5)
    )
    bottleneck = any(leaf.startswith("conv3") for ls in blocks.values() for leaf in ls)
    depth = next(
        (
            d
            for d, c in BLOCKS_PER_STAGE.items()
            if c == counts and (d >= 50) == bottleneck
        ),
        None,
    )
    if depth is None:
        raise ValueError(
            "The names belong to no ResNet-18/34/50/101 or BN-Inception. Received: "
            f"{'bottleneck' if bottleneck else 'basic'} blocks per stage {counts}, "
            f"first names {sorted(shapes)[:3]}"
        )
    classes = _classes(shapes)
    stem = _first(shapes, ("conv1.weight", "bn1.weight", "bn1.bias"), 0)
    network = {"depth": depth, "width": (stem or 64) / 64}
    gated = sorted(
        key
        for key, leaves in blocks.items()
        if any(leaf.startswith("policy_net.") for leaf in leaves)
    )
    gates = {"gates": "none"}
    if gated:
        gates = _gate_options(shapes, gated, counts, network["width"])
    return Architecture("resnet", network, gates, classes)


def _classes(shapes):
    classes = _first(shapes, ("fc.weight", "fc.bias"), 0)
    if classes is None:
        raise ValueError("The classifier is missing: new_fc.weight, new_fc.bias")
    return classes


def _bn_inception(shapes):
    gated, hidden, actions = [], {}, set()
    for module in MODULES:
        net = f"policy_net_{module}"
        if not any(name.startswith(f"{net}.") for name in shapes):
            continue
        gated.append(f"inception_{module}_output_gate")
        names = tuple(f"{net}.gate_bn.{leaf}" for leaf in ("weight", "bias"))
        units = _first(shapes, names, 0)
        fc0 = shapes.get(f"{net}.gate_fc0.weight")
        reduce = shapes.get(f"inception_{module}_3x3_reduce.weight")
        if None in (units, fc0, reduce):
            raise ValueError(f"The policy of {module} is incomplete")
        hidden[module] = units, 1
        # With the previous frame the policy sees twice the channels, and it chooses
        # among two actions without a skip, or among all three.
        with_history = fc0[1] == 2 * reduce[1]
        output = _first(shapes, (f"{net}.gate_fc1.weight", f"{net}.gate_fc1.bias"), 0)
        channels = _module_channels(shapes, module, reduce[1])
        actions.add(_actions(with_history, (output or 0) // channels, module))
    options = {"gates": "none"}
    if gated:
        if len(actions) != 1:
            raise ValueError(f"The gates must choose alike. Received: {actions}")
        every = len(gated) == len(MODULES)
        options = {
            "gates": "paper" if every else gated,
            "actions": actions.pop(),
            "share_policies": False,
            **_hidden_rule(hidden),
        }
    stem = _first(shapes, ("conv1_7x7_s2.weight", "conv1_7x7_s2.bias"), 0)
    network = {"width": (stem or 64) / 64}
    return Architecture("bn_inception", network, options, _classes(shapes))


def _module_channels(shapes, module, inputs):
    """Channels of the output of a module."""
    ends = ("1x1", "3x3", "double_3x3_2", "pool_proj")
    found = [shapes.get(f"inception_{module}_{end}.weight") for end in ends]
    channels = sum(shape[0] for shape in found if shape)
    # Where the pool has no projection it passes its channels on.
    return channels if found[-1] else channels + inputs


def _gate_options(shapes, gated, counts, width):
    hidden, actions = {}, set()
    for stage, block in gated:
        prefix = f"layer{stage}.{block}"
        net = f"{prefix}.policy_net"
        channels = _first(shapes, (f"{prefix}.conv1.weight", f"{prefix}.bn1.weight"), 0)
        channels = channels or round(64 * width) * 2 ** (stage - 1)
        inputs = shapes.get(f"{prefix}.conv1.weight", (None, None))[1]
        units = _first(
            shapes,
            (f"{net}.gate_bn.weight", f"{net}.gate_bn.bias", f"{net}.gate_fc0.bias"),
            0,
        )
        if units is None:
            raise ValueError(f"The policy of {prefix} is incomplete: no gate_bn")
        hidden[stage, block] = (units, channels)
        fc0 = shapes.get(f"{net}.gate_fc0.weight")
        fc1 = _first(shapes, (f"{net}.gate_fc1.weight", f"{net}.gate_fc1.bias"), 0)
        if fc0 is None or fc1 is None or inputs is None:
            continue  # listed as missing later
        actions.add(_actions(fc0[1] == 2 * inputs, fc1 // channels, prefix))
    if len(actions) != 1:
        raise ValueError(f"The gates must choose among one set. Received: {actions}")
    every = len(gated) == sum(counts)
    return {
        "gates": "paper" if every else [f"stage{s}_block{b}" for s, b in gated],
        "actions": actions.pop(),
        "share_policies": any(_SHARED.match(name) for name in shapes),
        **_hidden_rule(hidden),
    }


def _actions(with_history, count, prefix):
    if with_history and count == 3:
        return ACTIONS
    if with_history and count == 2:
        return ("reuse", "keep")
    if not with_history and count == 2:
        return ("skip", "keep")
    raise ValueError(
        f"The policy of {prefix} has {count} actions and "
        f"{'sees' if with_history else 'does not see'} the previous frame: none of "
        "skip/reuse/keep, reuse/keep (with it), skip/keep (without)"
    )


def _hidden_rule(hidden):
    units = {u for u, _ in hidden.values()}
    if len(units) == 1:
        return {"hidden_units": units.pop()}
    quota = max(u * c for u, c in hidden.values())
    if all(quota // c == u for u, c in hidden.values()):
        return {"hidden_quota": quota}
    raise ValueError(
        "Hidden layers of the policies are neither equal nor quota // channels. "
        f"Received (hidden, channels): {sorted(set(hidden.values()))}"
    )


def _first(shapes, names, axis):
    return next((shapes[n][axis] for n in names if n in shapes), None)
