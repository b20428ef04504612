"""Which tensor of a PyTorch checkpoint belongs to which Keras variable."""

import re

import keras
import numpy as np

_BACKBONE = re.compile(r"(conv1|bn1|layer\d)\b")


def _conv(kernel):
    return np.transpose(kernel, (2, 3, 1, 0))


def _same(value):
    return value


def backbone_entries(model):
    """Rows `(common name, variable, transform)` of the ResNet without its gates."""
    rows = _conv_bn(model, "stem_conv", "conv1", "bn1")
    names = {layer.name for layer in model.layers}
    for name in names:
        stage, _, rest = name.partition("_")
        if not stage.startswith("stage") or not rest.startswith("block"):
            continue
        block, _, leaf = rest.partition("_")
        prefix = f"layer{stage[5:]}.{block[5:]}"
        if leaf in ("conv1", "conv2", "conv3"):
            rows += _conv_bn(model, name, f"{prefix}.{leaf}", f"{prefix}.bn{leaf[-1]}")
        elif leaf == "projection":
            rows += _conv_bn(
                model, name, f"{prefix}.downsample0", f"{prefix}.downsample1"
            )
    return rows


def gate_entries(model):
    """Rows of the policy networks; shared layers appear under all their names."""
    rows = []
    denses = [gate.policy.output_dense for gate in model.gates.values()]
    shares = len({id(dense) for dense in denses}) < len(denses)
    for name, gate in model.gates.items():
        policy = gate.policy
        stage, block = name.split("_")
        net = f"layer{stage[5:]}.{block[5:]}.policy_net"
        hidden, output = policy.hidden_dense, policy.output_dense
        places = [(f"{net}.gate_fc0", hidden), (f"{net}.gate_fc1", output)]
        if shares:
            key = f"{hidden.kernel.shape[0]}_{output.kernel.shape[1]}"
            places += [(f"gate_fc0s.{key}", hidden), (f"gate_fc1s.{key}", output)]
        for place, dense in places:
            rows += _dense(dense, place)
        rows += _bn(policy.batch_norm, f"{net}.gate_bn")
    return rows


def inception_entries(model):
    """Rows of a BN-Inception and its gates, whose layers have the release's names."""
    rows = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            rows.append((f"{layer.name}.weight", layer.kernel, _conv))
            rows.append((f"{layer.name}.bias", layer.bias, _same))
        elif isinstance(layer, keras.layers.BatchNormalization):
            rows += _bn(layer, layer.name)
    for name, gate in model.gates.items():
        net = f"policy_net_{name.split('_')[1]}"
        rows += _dense(gate.policy.hidden_dense, f"{net}.gate_fc0")
        rows += _dense(gate.policy.output_dense, f"{net}.gate_fc1")
        rows += _bn(gate.policy.batch_norm, f"{net}.gate_bn")
    return rows


def head_entries(model):
    """Rows of the classifier."""
    return _dense(model.get_layer("classifier"), "fc")


def assign(rows, tensors, originals, partial=False):
    """Copies tensors into variables, all or nothing.

    Args:
        rows: Rows `(common name, variable, transform)`.
        tensors, originals: See `read_source`.
        partial: Whether the checkpoint may hold more than the convolutions: policies
            and a classifier are then no left-overs.

    Raises:
        ValueError: Tensors that are missing, left over, of another shape, or that
            should be equal and are not; all of them, by name.
    """
    names = {name for name, _, _ in rows}
    problems = [f"missing: {n}" for n in sorted(names - set(tensors))]
    extra = sorted(set(tensors) - names)
    if partial:
        # A deeper network holds every tensor of a shallower one.
        extra = [n for n in extra if _BACKBONE.match(n) and ".policy_net" not in n]
    problems += [f"left over: {originals[n]}" for n in extra]
    values = {}
    for name, variable, transform in rows:
        if name not in tensors:
            continue
        value = tensors[name]
        wanted = tuple(variable.shape)
        got = tuple(transform(value).shape) if value.ndim == _ndim(variable) else None
        if got != wanted:
            problems.append(
                f"misshapen: {originals[name]} {tuple(value.shape)} for a variable of "
                f"shape {wanted}"
            )
            continue
        value = transform(value)
        known = values.setdefault(id(variable), (variable, value, name))
        if not np.array_equal(known[1], value):
            problems.append(
                f"shared, but different: {originals[known[2]]} and {originals[name]}"
            )
    if problems:
        raise ValueError(
            "The checkpoint does not fit the network. " + "; ".join(problems)
        )
    for variable, value, _ in values.values():
        variable.assign(value)


def _ndim(variable):
    return len(variable.shape)


def _conv_bn(model, layer, conv, bn):
    rows = [(f"{conv}.weight", model.get_layer(layer).kernel, _conv)]
    return rows + _bn(model.get_layer(f"{layer}_bn"), bn)


def _bn(layer, place):
    return [
        (f"{place}.weight", layer.gamma, _same),
        (f"{place}.bias", layer.beta, _same),
        (f"{place}.running_mean", layer.moving_mean, _same),
        (f"{place}.running_var", layer.moving_variance, _same),
    ]


def _dense(layer, place):
    return [
        (f"{place}.weight", layer.kernel, np.transpose),
        (f"{place}.bias", layer.bias, _same),
    ]
