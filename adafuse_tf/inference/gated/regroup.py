"""Turns a model that decides per channel into one that decides per group."""

import dataclasses
import functools

import numpy as np

from adafuse_tf.graph.keras_graph import rebuild
from adafuse_tf.inference.gated.plan import check_resnet
from adafuse_tf.inference.profile import profile
from adafuse_tf.layers import ACTIONS, AdaptiveTemporalFusion, LearnedPolicy


@dataclasses.dataclass(frozen=True)
class RegroupCost:
    """What grouping did, on the clips that were given.

    Attributes:
        same_decisions: Share of the channels' decisions that are as before.
        gmacs: Mean GMACs per clip, `(before, after)`.
        logits: Largest difference of a logit.
        same_answers: Share of the clips with the same most probable label.
        top1: Accuracy `(before, after)`; None without labels.
    """

    same_decisions: float
    gmacs: tuple[float, float]
    logits: float
    same_answers: float
    top1: tuple[float, float] | None

    def __str__(self):
        lines = [
            f"{self.same_decisions:.1%} of the decisions and {self.same_answers:.1%} "
            "of the answers as before",
            "{:.4g} GMACs per clip (before: {:.4g})".format(*self.gmacs[::-1]),
        ]
        if self.top1 is not None:
            lines.append("top-1 {:.1%} (before: {:.1%})".format(*self.top1[::-1]))
        return ", ".join(lines)


def regroup(model, group_size, clips, labels=None, batch_size=8, tie=True):
    """Groups the channels of every gate by what a trained model decides for them.

    Channels that are mostly decided alike are put next to each other, which changes
    nothing but their order; then each group gets the mean of its channels' scores.
    Untied, the results are exactly as before, and a gated view with tiles of
    `group_size` channels leaves out those of which nothing is wanted.

    Args:
        model: A trained `VideoClassifier` that decides per channel.
        group_size: Channels per group.
        clips: `[N, T, H, W, 3]`, normalised, to watch the decisions on.
        labels: `[N]` integers, to measure the accuracy.
        batch_size: Clips per call.
        tie: Whether the channels of a group shall share a decision.

    Returns:
        `(grouped, cost)`: a `VideoClassifier` of its own weights, and a `RegroupCost`.

    Raises:
        ValueError: Another network than a ResNet, a model with groups already, policies
            that are not learned or not for all channels, or a group size that does not
            divide the channels.
    """
    check_resnet(model)
    for gate in model.gates.values():
        _check(gate, group_size)
    before = profile(model, clips, batch_size)
    grouped = rebuild(model, functools.partial(_with_groups, group_size if tie else 1))
    for layer in model.layers:
        twin = grouped.get_layer(layer.name)
        if not isinstance(layer, AdaptiveTemporalFusion):
            twin.set_weights(layer.get_weights())
    orders = {
        name: order_channels(actions, group_size)
        for name, actions in before.policies.items()
    }
    for name, order in orders.items():
        _permute(grouped, name, order)
        _tie(model.gates[name].policy, grouped.gates[name].policy, order)
    after = profile(grouped, clips, batch_size)
    return grouped, _compare(before, after, orders, labels)


def order_channels(actions, group_size):
    """Puts channels that are decided alike next to each other.

    Args:
        actions: Action indices `[N, T, C]`.
        group_size: Channels per group.

    Returns:
        A permutation of the channels `[C]`. Groups are filled one after the other: the
        channel with the fewest like it, and those that agree with it most often.
    """
    channels = actions.shape[-1]
    one_hot = np.eye(len(ACTIONS), dtype="float32")[actions.reshape(-1, channels).T]
    flat = one_hot.reshape(channels, -1)
    agree = flat @ flat.T
    left, order = np.arange(channels), []
    while left.size:
        first = left[np.argmin(agree[np.ix_(left, left)].sum(axis=1))]
        nearest = left[np.argsort(-agree[first, left], kind="stable")]
        group = [first, *nearest[nearest != first][: group_size - 1]]
        order += group
        left = np.setdiff1d(left, group)
    return np.array(order)


def _with_groups(group_size, layer):
    """A copy of a layer, a gate in groups and with a policy network of its own."""
    config = layer.get_config()
    if isinstance(layer, AdaptiveTemporalFusion):
        # Groups of one gate are not those of another: nor are their scores.
        config["policy"]["config"] |= {
            "group_size": group_size,
            "hidden_units": layer.policy.hidden_dense.units,
            "hidden_quota": None,
            "hidden_dense": None,
            "output_dense": None,
        }
    return type(layer).from_config(config)


def _check(gate, group_size):
    policy = gate.policy
    if not isinstance(policy, LearnedPolicy) or policy.group_size != 1:
        raise ValueError(
            f"Only learned policies that decide per channel can be grouped. Received: "
            f"'{gate.name}' with {type(policy).__name__}"
        )
    if policy.num_decisions != policy.channels or policy.channels % group_size:
        raise ValueError(
            f"`group_size` must divide the channels of '{gate.name}', all of them "
            f"adaptive. Received: group_size={group_size}, {policy.num_decisions} of "
            f"{policy.channels} channels adaptive"
        )


def _permute(model, block, order):
    """Reorders the channels between a block's first two convolutions."""
    producer = model.get_layer(f"{block}_conv1").kernel
    producer.assign(producer.numpy()[..., order])
    norm = model.get_layer(f"{block}_conv1_bn")
    norm.set_weights([weight[order] for weight in norm.get_weights()])
    consumer = model.get_layer(f"{block}_conv2").kernel
    consumer.assign(consumer.numpy()[:, :, order])


def _tie(policy, grouped, order):
    """Gives each group the mean of its channels' scores."""
    grouped.hidden_dense.set_weights(policy.hidden_dense.get_weights())
    grouped.batch_norm.set_weights(policy.batch_norm.get_weights())
    grouped.temperature.assign(policy.temperature)
    grouped.noise_scale.assign(policy.noise_scale)
    actions = len(policy.actions)
    for target, source in zip(
        grouped.output_dense.weights, policy.output_dense.weights, strict=True
    ):
        scores = source.numpy()
        scores = scores.reshape(*scores.shape[:-1], -1, actions)[..., order, :]
        shape = (*scores.shape[:-2], grouped.num_decisions, grouped.group_size, actions)
        target.assign(scores.reshape(shape).mean(axis=-2).reshape(target.shape))


def _compare(before, after, orders, labels):
    equal = np.concatenate(
        [
            (before.policies[name][..., order] == after.policies[name]).ravel()
            for name, order in orders.items()
        ]
    )
    answers = [np.argmax(result.logits, -1) for result in (before, after)]
    return RegroupCost(
        same_decisions=float(equal.mean()),
        gmacs=(float(before.gmacs.mean()), float(after.gmacs.mean())),
        logits=float(np.abs(before.logits - after.logits).max()),
        same_answers=float(np.mean(answers[0] == answers[1])),
        top1=None
        if labels is None
        else tuple(float(np.mean(a == np.asarray(labels))) for a in answers),
    )
