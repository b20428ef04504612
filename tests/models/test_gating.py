"""Options of gates: seeds, widths, policies of one's own."""

import keras
import numpy as np
import pytest

from adafuse_tf.layers import ACTIONS, FixedPolicy, LearnedPolicy, RandomPolicy
from adafuse_tf.layers.contract import derive_seed
from adafuse_tf.models import VideoClassifier
from adafuse_tf.networks import ResNet

CLIPS = np.random.default_rng(0).normal(size=(2, 3, 32, 32, 3)).astype("float32")


def gates(seed, **options):
    model = VideoClassifier.from_image_model(
        ResNet(18, width=0.125), 5, gates="all", hidden_units=8, seed=seed, **options
    )
    return list(model.gates.values())


def kernels(seed, **options):
    """Initial weights of all policy networks, as bytes."""
    return [
        np.array(dense.kernel).tobytes()
        for gate in gates(seed, **options)
        for dense in (gate.policy.hidden_dense, gate.policy.output_dense)
    ]


@pytest.mark.parametrize("share", (False, True))
def test_neighbouring_seeds_have_nothing_in_common(share):
    drawn = {seed: set(kernels(seed, share_policies=share)) for seed in range(4)}
    counts = [len(of_seed) for of_seed in drawn.values()]
    assert len(set.union(*drawn.values())) == sum(counts)
    assert set(kernels(2, share_policies=share)) == drawn[2]  # and each repeats


def test_every_gate_has_noise_of_its_own():
    for policy in ("learned", "random"):
        states = [
            tuple(np.array(gate.policy.seed_generator.state))
            for seed in range(4)
            for gate in gates(seed, policy=policy)
        ]
        assert len(set(states)) == len(states) == 4 * 8


def test_derived_seeds_differ():
    seeds = {derive_seed(s, a, b) for s in range(50) for a in range(9) for b in "xyz"}
    assert len(seeds) == 50 * 9 * 3
    assert derive_seed(3, 12) != derive_seed(3, 1, 2)
    assert derive_seed(None, 1) is None


@pytest.mark.parametrize("depth", (18, 50))
@pytest.mark.parametrize("preset", ("adafuse_tsn", "adafuse_tsm_last"))
def test_policies_follow_the_width(preset, depth):
    def hidden(width):
        name = f"{preset}_resnet{depth}"
        model = VideoClassifier.from_preset(name, 5, width=width)
        return model, [g.policy.hidden_dense.units for g in model.gates.values()]

    (full, published), (small, ours) = hidden(1.0), hidden(0.25)
    if preset == "adafuse_tsm_last":
        assert set(published) == {1024}
    else:
        quota = {18: 131072, 50: 196608}[depth]
        assert published == [quota // g.channels for g in full.gates.values()]
    assert ours == [units // 4 for units in published]
    shares = []
    for model in (full, small):
        policies = {id(v): v for g in model.gates.values() for v in g.policy.weights}
        parameters = sum(int(np.prod(v.shape)) for v in policies.values())
        shares.append(parameters / model.count_params())
    assert shares[1] < 1.2 * shares[0]


def test_units_that_are_given_stay():
    for options in ({"hidden_units": 24}, {"hidden_units": np.int64(24)}):
        model = VideoClassifier.from_image_model(
            ResNet(18, width=0.25), 5, gates=["stage4"], **options
        )
        units = {gate.policy.hidden_dense.units for gate in model.gates.values()}
        assert units == {24}


@keras.saving.register_keras_serializable(package="adafuse_tf_tests")
class EveryOther(FixedPolicy):
    """Keeps every `step`-th channel and skips the others."""

    actions = ("skip", "keep")

    def __init__(self, step=2, **kwargs):
        super().__init__(**kwargs)
        self.step = step

    def choose(self, x, y, training):
        chosen = keras.ops.arange(self.channels) % self.step == 0
        keep = keras.ops.cast(chosen, "float32")
        keep = keep + keras.ops.zeros((*keras.ops.shape(y)[:2], self.channels))
        zeros = keras.ops.zeros_like(keep)
        return keras.ops.stack([1.0 - keep, zeros, keep], axis=-1)

    def get_config(self):
        return {**super().get_config(), "step": self.step}


def test_a_policy_of_ones_own(tmp_path):
    model = VideoClassifier.from_preset(
        "adafuse_tsm_causal_resnet18", 5, width=0.125, policy=EveryOther(4)
    )
    out = model.with_outputs("logits", "gmacs", "policies")(CLIPS)
    assert len(out["policies"]) == 8
    for policy in out["policies"].values():
        assert np.mean(policy, (0, 1, 2)) == pytest.approx([0.75, 0.0, 0.25])
    assert float(out["gmacs"][0]) < model.dense_gmacs(3, 32, 32)
    state = model.initial_state(2, 32, 32)
    step, _ = model.step(CLIPS, state)
    np.testing.assert_allclose(step["logits"], out["logits"], atol=1e-6)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded(CLIPS)["logits"], out["logits"])
    for policy in (LearnedPolicy(8, seed=3), RandomPolicy(seed=3)):
        own = gates(None, policy=policy)
        assert len({id(gate.policy) for gate in own}) == 8
        states = {tuple(np.array(g.policy.seed_generator.state)) for g in own}
        assert len(states) == 8


def test_wrong_policies_are_explained():
    with pytest.raises(ValueError, match="or a policy layer.*'sometimes'"):
        gates(0, policy="sometimes")
    for policy in (keras.layers.Dense(3), EveryOther, len):
        with pytest.raises(TypeError, match="`actions` and `state_shapes`"):
            gates(0, policy=policy)
    built = LearnedPolicy(4)
    built.build((2, 3, 4, 4, 8), (2, 3, 4, 4, 8))
    with pytest.raises(ValueError, match="must not be built"):
        gates(0, policy=built)
    assert ACTIONS == ("skip", "reuse", "keep")


def test_names_numbers_and_other_networks():
    twins = [
        VideoClassifier.from_preset("tsn_resnet18", np.int64(3), width=0.125, name=name)
        for name in ("student", "teacher")
    ]
    frames = keras.Input((None, 32, 32, 3))
    logits = keras.layers.Average()([twin(frames)["logits"] for twin in twins])
    ensemble = keras.Model(frames, logits)
    wanted = sum(np.array(twin(CLIPS)["logits"]) for twin in twins) / 2
    np.testing.assert_allclose(ensemble(CLIPS), wanted, atol=1e-6)
    assert [twin.name for twin in twins] == ["student", "teacher"]
    cnn = keras.applications.MobileNetV2(
        alpha=0.35, input_shape=(32, 32, 3), include_top=False, weights=None
    )
    with pytest.raises(TypeError, match="'features' and 'policies'.*Functional"):
        VideoClassifier(cnn, 3)
    for wrong in (0, 2.0, True, "3"):
        with pytest.raises(ValueError, match="`num_classes` must be a positive"):
            VideoClassifier.from_preset("tsn_resnet18", wrong, width=0.125)


@pytest.mark.parametrize(
    "name, size",
    [("MobileNetV2", 64), ("MobileNetV3Small", 224), ("EfficientNetB0", 96),
     ("ConvNeXtTiny", 64), ("DenseNet121", 224)],
)  # fmt: skip
@pytest.mark.parametrize("group_size", [1, 4])
def test_policies_fit_the_network(name, size, group_size):
    make = getattr(keras.applications, name)
    cnn = make(include_top=False, weights=None, input_shape=(size, size, 3))
    dense = VideoClassifier.from_image_model(cnn, 5, gates="none")
    model = VideoClassifier.from_image_model(
        cnn,
        5,
        gates=lambda site: site.channels % 4 == 0,
        group_size=group_size,
    )
    assert len(model.gates) > 10
    # Temperature and noise of a gate are no parameters of its network.
    added = sum(
        int(np.prod(v.shape))
        for v in {id(v): v for g in model.gates.values() for v in g.weights}.values()
        if v.shape
    )
    assert 0 < added <= 0.15 * cnn.count_params()
    policies = model.dense_gmacs(1, size, size) - dense.dense_gmacs(1, size, size)
    assert policies == 0
    spent = sum(op.macs for op in model.cost_table if "_policy_" in op.name)
    assert 0 < spent / 1e9 <= 0.03 * dense.dense_gmacs(1, size, size)
