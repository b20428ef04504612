"""Which blocks of a network have a gate, and with which policy."""

import re

import keras

from adafuse_tf.layers import (
    ACTIONS,
    AdaptiveTemporalFusion,
    KeepPolicy,
    LearnedPolicy,
    RandomPolicy,
    ThresholdPolicy,
)
from adafuse_tf.layers.actions import check_actions
from adafuse_tf.layers.contract import derive_seed, whole_number
from adafuse_tf.layers.learned_policy import hidden_width, near_zero

POLICIES = ("learned", "keep", "random", "threshold")


def select_gates(gates, block_names):
    """Resolves `gates` to a list of block names.

    Args:
        gates: `"all"`, `"none"`, or a list of stages (`"stage4"`) and blocks
            (`"stage4_block0"`).
        block_names: Names of all blocks, in order.

    Returns:
        The chosen block names in network order.

    Raises:
        ValueError: A name that is neither a stage nor a block of this network.
    """
    if gates == "all":
        return list(block_names)
    if gates == "none":
        return []
    stages = [re.match(r"stage\d+", b).group() for b in block_names]
    names = [gates] if isinstance(gates, str) else list(gates)
    unknown = [n for n in names if n not in stages and n not in block_names]
    if unknown:
        raise ValueError(
            "`gates` must be 'all', 'none' or a list of stages and blocks out of "
            f"{sorted(set(stages))} and {list(block_names)}. Received: gates={gates!r}"
        )
    pairs = zip(stages, block_names, strict=True)
    return [block for stage, block in pairs if stage in names or block in names]


class GateFactory:
    """Makes the gates of one network; equal shapes share weights where asked to.

    Args:
        policy: `"learned"`, `"keep"`, `"random"` or `"threshold"`, or a policy layer
            that is not built, of which every gate gets a copy of its own. Options below
            that the chosen policy does not have are without meaning, so that one
            configuration serves networks with different ones.
        history: `"raw"` or `"fused"`.
        actions, hidden_units, hidden_quota, group_size, adaptive_range, pooling,
        temperature: See `LearnedPolicy`.
        share_policies: Whether gates with the same input and output widths share both
            dense layers.
        ratios: See `RandomPolicy`.
        threshold: See `ThresholdPolicy`.
        seed: Seed of sampling and initial weights; each gate derives its own.
        dtype: Precision of the gates; their policies decide in float32.

    Raises:
        ValueError: An unknown policy, or an option out of its range.
        TypeError: A policy that is neither a name nor a policy layer.
    """

    def __init__(
        self,
        policy="learned",
        history="raw",
        actions=ACTIONS,
        hidden_units=None,
        hidden_quota=None,
        share_policies=False,
        group_size=1,
        adaptive_range=(0.0, 1.0),
        pooling="average",
        temperature=0.67,
        ratios=(0.37, 0.26, 0.37),
        threshold=0.1,
        seed=None,
        dtype=None,
    ):
        _check_policy(policy)
        self.policy = policy
        self.history = history
        self.actions = check_actions(actions)
        self.hidden_units = hidden_units
        self.hidden_quota = hidden_quota
        self.share_policies = share_policies
        self.group_size = whole_number("group_size", group_size)
        self.adaptive_range = tuple(adaptive_range)
        self.pooling = pooling
        self.temperature = temperature
        self.ratios = tuple(ratios)
        self.threshold = threshold
        self.seed = seed
        self.dtype = dtype
        self._shared = {}
        self._count = 0

    def __call__(self, name, input_channels, channels):
        """A gate called `name` for a producer `input_channels` → `channels`."""
        self._count += 1
        seed = derive_seed(self.seed, "gate", name)
        return AdaptiveTemporalFusion(
            policy=self._make_policy(input_channels, channels, seed),
            history=self.history,
            dtype=self.dtype,
            name=name,
        )

    def _make_policy(self, input_channels, channels, seed):
        if isinstance(self.policy, keras.layers.Layer):
            config = self.policy.get_config()
            if "seed" in config:
                config["seed"] = derive_seed(config["seed"], "gate", self._count)
            return type(self.policy).from_config(config)
        if self.policy == "keep":
            return KeepPolicy(name="policy")
        if self.policy == "random":
            # Its draws are fixed also without a seed.
            seed = self._count if seed is None else seed
            return RandomPolicy(self.ratios, seed=seed, name="policy")
        if self.policy == "threshold":
            return ThresholdPolicy(self.threshold, name="policy")
        hidden_dense, output_dense = (
            self._shared_dense(input_channels, channels)
            if self.share_policies
            else (None, None)
        )
        return LearnedPolicy(
            hidden_units=None if hidden_dense else self.hidden_units,
            hidden_quota=None if hidden_dense else self.hidden_quota,
            actions=self.actions,
            group_size=self.group_size,
            adaptive_range=self.adaptive_range,
            pooling=self.pooling,
            temperature=self.temperature,
            seed=seed,
            hidden_dense=hidden_dense,
            output_dense=output_dense,
            name="policy",
        )

    @property
    def saves_producer(self):
        """Whether a skipped channel need not be computed: not where the policy looks
        at its values to decide."""
        if isinstance(self.policy, keras.layers.Layer):
            return not getattr(self.policy, "sees_output", False)
        return self.policy != "threshold"

    def _shared_dense(self, input_channels, channels):
        start, end = (round(share * channels) for share in self.adaptive_range)
        inputs = input_channels * (2 if "reuse" in self.actions else 1)
        hidden = hidden_width(channels, self.hidden_units, self.hidden_quota)
        outputs = (end - start) // self.group_size * len(self.actions)
        if (inputs, outputs) not in self._shared:
            seed = derive_seed(self.seed, "shared", inputs, outputs)
            self._shared[inputs, outputs] = tuple(
                keras.layers.Dense(
                    units,
                    kernel_initializer=near_zero(seed, which),
                    dtype="float32",
                    name=f"policy_{name}_{inputs}_{outputs}",
                )
                for which, (name, units) in enumerate(
                    (("hidden", hidden), ("output", outputs)), 1
                )
            )
        return self._shared[inputs, outputs]


def _check_policy(policy):
    if isinstance(policy, str):
        if policy not in POLICIES:
            raise ValueError(
                f"`policy` must be one of {POLICIES} or a policy layer. "
                f"Received: policy={policy!r}"
            )
        return
    # Of the class: of a layer that is not built the shapes are not known.
    names = {*dir(type(policy)), *vars(policy)} if hasattr(policy, "__dict__") else ()
    complete = {"actions", "state_shapes"} <= set(names)
    if not isinstance(policy, keras.layers.Layer) or not complete:
        raise TypeError(
            f"`policy` must be one of {POLICIES} or a policy layer, with `actions` and "
            f"`state_shapes` as layers.FixedPolicy has them. Received: {policy!r}"
        )
    if policy.built:
        raise ValueError(
            "`policy` must not be built: every gate gets a fresh copy of it. "
            f"Received: the built layer '{policy.name}'"
        )
