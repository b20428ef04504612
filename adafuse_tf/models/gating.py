"""The gates of a network, with policies that fit it."""

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
from adafuse_tf.layers.learned_policy import (
    HIDDEN_PER_CHANNEL,
    hidden_width,
    near_zero,
)

POLICIES = ("learned", "keep", "random", "threshold")
# Of the image network, what all policies together may cost by default.
MAX_SHARE_OF_MACS = 0.03
MAX_SHARE_OF_PARAMETERS = 0.15
# Hidden units that are worth sharing weights for, and the least that there are.
FEW_UNITS = 64
MIN_UNITS = 4


class GateFactory:
    """Makes the gates of one network; equal shapes share weights where asked to.

    Args:
        policy: `"learned"`, `"keep"`, `"random"` or `"threshold"`, or a policy layer
            that is not built, of which every gate gets a copy of its own. Options below
            that the chosen policy does not have are without meaning, so that one
            configuration serves networks with different ones.
        history: `"raw"` or `"fused"`.
        actions, group_size, adaptive_range, pooling, temperature: See `LearnedPolicy`.
        hidden_units, hidden_quota: See `LearnedPolicy`; by default what `fit` chooses.
        share_policies: Whether gates with the same input and output widths share both
            dense layers; by default only where they would otherwise be narrow.
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
        share_policies=None,
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
        self.hidden_units = _count("hidden_units", hidden_units)
        self.hidden_quota = _count("hidden_quota", hidden_quota)
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

    def fit(self, sites, gmacs, parameters):
        """Chooses the width of the policies' hidden layers, where none is given.

        All gates get the same, `MIN_UNITS` at least and at most what the paper has for
        the widest. Where their weights would leave few units, gates of equal shapes
        share them.

        Args:
            sites: List of `(input_channels, channels)` of the gates to be made.
            gmacs: GMACs per frame of the image network.
            parameters: Number of its parameters.
        """
        given = self.hidden_units is not None or self.hidden_quota is not None
        if given or self.policy != "learned" or not sites:
            return
        weights = sum(self._weights_per_unit(*site) for site in sites)
        by_macs = MAX_SHARE_OF_MACS * gmacs * 1e9 / weights
        most = HIDDEN_PER_CHANNEL * max(channels for _, channels in sites)
        if self.share_policies is None:
            own = self._units_of_parameters(sites, sites, parameters)
            self.share_policies = own < FEW_UNITS
        denses = set(sites) if self.share_policies else sites
        units = self._units_of_parameters(sites, denses, parameters)
        self.hidden_units = max(MIN_UNITS, int(min(by_macs, units, most)))

    def _units_of_parameters(self, sites, denses, parameters):
        """Hidden units that the parameters allow, where so many dense layers differ."""
        budget = MAX_SHARE_OF_PARAMETERS * parameters
        budget -= sum(self._outputs(channels) for _, channels in denses)  # biases
        # Of each unit a bias, and what normalises it, which is never shared.
        each = sum(self._weights_per_unit(*site) + 1 for site in denses)
        return budget / (each + 4 * len(sites))

    def policy_gmacs(self, input_channels, channels):
        """GMACs per frame of the policy of a gate; of a custom one unknown, and 0."""
        if self.policy != "learned":
            return 0.0
        hidden = hidden_width(channels, self.hidden_units, self.hidden_quota)
        return hidden * self._weights_per_unit(input_channels, channels) / 1e9

    def _weights_per_unit(self, input_channels, channels):
        """Weights of a policy for each of its hidden units."""
        return self._inputs(input_channels) + self._outputs(channels)

    def _inputs(self, input_channels):
        """Inputs of a policy: pooled channels, of the frame before as well."""
        return input_channels * (2 if "reuse" in self.actions else 1)

    def _outputs(self, channels):
        """Outputs of a policy: a score for each action of each decision."""
        start, end = (round(share * channels) for share in self.adaptive_range)
        return (end - start) // self.group_size * len(self.actions)

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

    def _shared_dense(self, input_channels, channels):
        inputs, outputs = self._inputs(input_channels), self._outputs(channels)
        hidden = hidden_width(channels, self.hidden_units, self.hidden_quota)
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


def _count(name, value):
    return None if value is None else whole_number(name, value)


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
