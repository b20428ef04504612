import keras
import numpy as np
import pytest

import adafuse_tf
from adafuse_tf import costs
from adafuse_tf.data import Preprocessing
from adafuse_tf.models import PRESETS, VideoClassifier
from tests.layers.layer_checks import save_and_load

RNG = np.random.default_rng(0)
CLIPS = RNG.normal(size=(4, 3, 32, 32, 3)).astype("float32")
SMALL = {"width": 0.125, "hidden_units": 8}


def small(preset="adafuse_tsn_resnet18", **options):
    options = {**SMALL, **options} if preset.startswith("adafuse") else options
    return VideoClassifier.from_preset(preset, 5, **{"width": 0.125, **options})


def test_frames_of_any_size_and_number():
    model = small()
    for shape in ((1, 1, 32, 32, 3), (2, 5, 40, 24, 3)):
        out = model(np.zeros(shape, "float32"))
        assert out["logits"].shape == (shape[0], 5)
        assert out["gmacs"].shape == (shape[0],)


def test_logits_are_the_average_over_frames():
    out = small().with_outputs("logits", "frame_logits")(CLIPS)
    np.testing.assert_allclose(
        out["logits"], np.mean(out["frame_logits"], 1), atol=1e-6
    )


def test_tsn_does_not_see_the_order_and_the_others_do():
    for preset, sees in (
        ("tsn_resnet18", False),
        ("tsm_resnet18", True),
        ("tsm_causal_resnet18", True),
        ("lstm_resnet18", True),
    ):
        model = small(preset)
        forward, backward = (model(c)["logits"] for c in (CLIPS, CLIPS[:, ::-1]))
        difference = np.abs(forward - backward).max() / np.abs(forward).max()
        assert (difference > 1e-3) == sees, preset


def test_shift_divisor_says_how_many_channels_are_shifted():
    for divisor, fold in ((8, 1), (4, 2)):
        model = small("tsm_causal_resnet18", shift_divisor=divisor)
        assert model.backbone.get_layer("stage1_block0_shift").fold == fold
        state = model.initial_state(1, height=32, width=32)
        assert state["stage1_block0_shift/shifted"].shape[-1] == fold


@pytest.mark.parametrize("preset", ("adafuse_tsn_resnet18", "adafuse_tsm_resnet18"))
def test_reuse_sees_the_order(preset):
    model = small(preset)
    for gate in model.gates.values():
        bias = gate.policy.output_dense.bias
        bias.assign(RNG.normal(size=bias.shape))
    forward, backward = (model(c)["logits"] for c in (CLIPS, CLIPS[:, ::-1]))
    assert np.abs(forward - backward).max() > 1e-3 * np.abs(forward).max()


def test_keeping_everything_is_the_dense_network():
    gated, plain = small(policy="keep"), small("tsn_resnet18")
    plain.set_weights(gated.get_weights())
    ours, theirs = gated(CLIPS), plain(CLIPS)
    np.testing.assert_allclose(ours["logits"], theirs["logits"], atol=1e-6)
    np.testing.assert_allclose(ours["gmacs"], theirs["gmacs"], rtol=1e-6)


def test_gmacs_output_is_the_cost_of_the_policies():
    model = small()
    out = model.with_outputs("gmacs", "policies")(CLIPS)
    expected = costs.clip_gmacs(model.cost_table, out["policies"], 32, 32)
    np.testing.assert_allclose(out["gmacs"], np.sum(expected, 1), rtol=1e-5)
    dense = model.dense_gmacs(3, 32, 32)
    assert (np.array(out["gmacs"]) < dense).all()


@pytest.mark.parametrize("share", (False, True))
def test_saved_model_file_gives_the_same_answers(tmp_path, share):
    own = {"num_frames": 4, "resize": 40, "crop": 32}
    model = small(
        "adafuse_tsm_resnet18",
        share_policies=share,
        history="fused",
        preprocessing=own,
    )
    loaded = save_and_load(model, tmp_path)
    assert loaded.preprocessing.to_dict() == Preprocessing(**own).to_dict()
    assert loaded.count_params() == model.count_params()
    ours, theirs = model(CLIPS), loaded(CLIPS)
    for key in ours:
        np.testing.assert_allclose(ours[key], theirs[key], atol=1e-6)


def test_fit_with_plain_labels_and_with_a_dict():
    labels = np.arange(4)
    histories = []
    for y in (labels, {"logits": labels, "gmacs": np.zeros(4)}):
        keras.utils.set_random_seed(0)
        model = small(dropout=0.0, seed=1)
        model.compile(
            keras.optimizers.SGD(0.01),
            loss={
                "logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                "gmacs": costs.FlopsLoss(0.1, reference=model.dense_gmacs(3, 32, 32)),
            },
            metrics={"logits": ["accuracy"], "gmacs": [costs.MeanGMACs()]},
        )
        histories.append(model.fit(CLIPS, y, batch_size=4, verbose=0).history)
    for key, value in histories[0].items():
        np.testing.assert_allclose(histories[1][key], value, rtol=1e-5)
    total = histories[0]["logits_loss"][0] + histories[0]["gmacs_loss"][0]
    assert histories[0]["loss"][0] == pytest.approx(total, rel=1e-5)


def test_mixed_precision_answers_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = small()
        out = model(CLIPS)
        assert out["logits"].dtype == out["gmacs"].dtype == "float32"
        assert model.get_layer("stem_conv").compute_dtype == "bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")


def test_weights_of_equal_gates_are_shared():
    apart = small(share_policies=False)
    shared = small(share_policies=True)
    first, second = (
        shared.gates[f"stage4_block{b}"].policy.output_dense for b in (0, 1)
    )
    assert first is not second  # their inputs differ
    counts = [len({id(g.policy.output_dense) for g in m.gates.values()})
              for m in (apart, shared)]  # fmt: skip
    assert counts == [8, 7]


@pytest.mark.parametrize(
    "gates, expected",
    (
        ("all", 8),
        ("none", 0),
        (["stage4"], 2),
        (["stage1_block1", "stage4"], 3),
    ),
)
def test_where_gates_sit(gates, expected):
    assert len(small(gates=gates).gates) == expected


def test_presets_build_and_name_themselves():
    for name in sorted(PRESETS):
        if name.endswith("resnet18"):
            assert small(name).name == name


def test_wrong_use_is_explained():
    with pytest.raises(
        ValueError, match="adafuse_tsn_resnet18.*'adafuse_tns_resnet18'"
    ):
        VideoClassifier.from_preset("adafuse_tns_resnet18", 5)
    with pytest.raises(ValueError, match=r"\['colour'\].*dropout"):
        VideoClassifier.from_preset("tsn_resnet18", 5, colour=True)
    with pytest.raises(ValueError, match="num_classes=0"):
        VideoClassifier.from_preset("tsn_resnet18", 0)
    with pytest.raises(ValueError, match="stage5"):
        small(gates=["stage5"])
    with pytest.raises(ValueError, match="shift='up'"):
        small(shift="up")
    model = small()
    with pytest.raises(ValueError, match=r"clip\[None\].*\(3, 32, 32, 3\)"):
        model(CLIPS[0])
    with pytest.raises(ValueError, match="\\['probabilities'\\]"):
        model.with_outputs("probabilities")


def test_profile_agrees_with_the_model_for_any_batch_size():
    model = small()
    profile = adafuse_tf.profile(model, CLIPS, batch_size=3)
    np.testing.assert_allclose(profile.logits, model(CLIPS)["logits"], atol=1e-5)
    assert sum(profile.policy_mix.values()) == pytest.approx(1)
    for name, shares in profile.shares.items():
        keep = (profile.policies[name] == 2).mean()
        assert shares["keep"] == pytest.approx(keep)
