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
from adafuse_tf.layers.learned_policy import DEFAULT_HIDDEN_UNITS, near_zero

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
        policy: `"learned"`, `"keep"`, `"random"` or `"threshold"`.
        history: `"raw"` or `"fused"`.
        actions, hidden_units, hidden_quota, group_size, adaptive_range, pooling,
        temperature: See `LearnedPolicy`.
        share_policies: Whether gates with the same input and output widths share both
            dense layers.
        ratios: See `RandomPolicy`.
        threshold: See `ThresholdPolicy`.
        seed: Seed of sampling and initial weights; each gate derives its own.
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
    ):
        if policy not in POLICIES:
            raise ValueError(
                f"`policy` must be one of {POLICIES}. Received: policy={policy!r}"
            )
        self.policy = policy
        self.history = history
        self.actions = check_actions(actions)
        self.hidden_units = hidden_units
        self.hidden_quota = hidden_quota
        self.share_policies = share_policies
        self.group_size = group_size
        self.adaptive_range = tuple(adaptive_range)
        self.pooling = pooling
        self.temperature = temperature
        self.ratios = tuple(ratios)
        self.threshold = threshold
        self.seed = seed
        self._shared = {}
        self._count = 0

    def __call__(self, name, input_channels, channels):
        """A gate called `name` for a producer `input_channels` → `channels`."""
        self._count += 1
        seed = None if self.seed is None else self.seed + self._count
        return AdaptiveTemporalFusion(
            policy=self._make_policy(input_channels, channels, seed),
            history=self.history,
            name=name,
        )

    def _make_policy(self, input_channels, channels, seed):
        if self.policy == "keep":
            return KeepPolicy(name="policy")
        if self.policy == "random":
            return RandomPolicy(self.ratios, seed=seed or self._count, name="policy")
        if self.policy == "threshold":
            return ThresholdPolicy(self.threshold, name="policy")
        hidden_dense, output_dense = (
            self._shared_dense(input_channels, channels, seed)
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
        return self.policy != "threshold"

    def hidden_width(self, channels):
        """Units of the hidden layer for a producer of `channels` channels."""
        if self.hidden_quota is not None:
            return max(1, self.hidden_quota // channels)
        return self.hidden_units or DEFAULT_HIDDEN_UNITS

    def num_decisions(self, channels):
        """Decisions per frame for a producer of `channels` channels."""
        start, end = (round(share * channels) for share in self.adaptive_range)
        return (end - start) // self.group_size

    def policy_widths(self, input_channels, channels):
        """`(inputs, hidden, outputs)` of the policy network's dense layers."""
        inputs = input_channels * (2 if "reuse" in self.actions else 1)
        outputs = self.num_decisions(channels) * len(self.actions)
        return inputs, self.hidden_width(channels), outputs

    def _shared_dense(self, input_channels, channels, seed):
        inputs, hidden, outputs = self.policy_widths(input_channels, channels)
        if (inputs, outputs) not in self._shared:
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
