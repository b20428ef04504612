"""Image networks become networks of clips, with what they were before inside."""

import keras
import numpy as np
import pytest

from adafuse_tf import VideoClassifier
from adafuse_tf.benchmarks import networks
from adafuse_tf.graph import cost_table
from tests import contract
from tests.graph.unprepared import net, video

layers = keras.layers
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "name",
    ["MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "ConvNeXtTiny", "InceptionV3",
     "VGG16", "Xception"],
)  # fmt: skip
def test_applications(name):
    row = networks.examine(networks.build(name))
    assert row.sites and not row.unknown
    assert row.profiler == pytest.approx(1.0, abs=0.01)
    assert row.keep < 1e-5 and row.skip < 1e-5 and row.step < 1e-5


CLIPS = RNG.normal(size=(2, 5, 40, 28, 3)).astype("float32")


def test_a_network_that_nobody_prepared():
    model = net()
    row = networks.examine(model)
    assert row.sites == 5
    assert row.keep < 1e-6 and row.skip < 1e-6 and row.step < 1e-5
    assert row.profiler == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("history", ["raw", "fused"])
@pytest.mark.parametrize("shift", ["none", "causal"])
def test_any_split_of_a_clip_gives_its_answer_and_its_cost(history, shift):
    model = video(net(), history=history, shift=shift)
    expected = model(CLIPS)
    assert len(set(np.round(expected["gmacs"], 9))) == 2
    for parts in ([1, 1, 1, 1, 1], [2, 3], [4, 1]):
        state, spent, start = model.initial_state(2, 40, 28), 0.0, 0
        for length in parts:
            frames = CLIPS[:, start : start + length]
            out, state = model.step(frames, state)
            spent, start = spent + np.array(out["gmacs"]), start + length
        np.testing.assert_allclose(out["logits"], expected["logits"], atol=1e-5)
        np.testing.assert_allclose(spent, expected["gmacs"], rtol=1e-5)


def test_the_layers_are_the_image_models_own():
    image_model = net()
    image_model.get_layer("block").trainable = False
    model = video(image_model)
    for name in ("stem", "twice", "left"):
        assert model.get_layer(name) is image_model.get_layer(name)
    trainable = {id(v) for v in model.trainable_variables}
    assert id(model.get_layer("stem").kernel) in trainable
    for name in ("expand", "project"):
        assert id(model.get_layer(name).kernel) not in trainable
    half = VideoClassifier.from_image_model(net(), 5, dtype="mixed_bfloat16")
    assert half.get_layer("fold").compute_dtype == "bfloat16"
    gates = half.gates.values()
    assert all(g.compute_dtype == "bfloat16" for g in gates)


def test_it_learns_and_comes_back_from_its_file(fresh, tmp_path):
    model = video(net(), dropout=0.3, shift="causal", share_policies=True)
    model.compile("sgd")
    before = [np.array(v) for v in model.trainable_variables]
    model.fit(CLIPS, np.array([0, 1]), epochs=1, verbose=0)
    for old, new in zip(before, model.trainable_variables, strict=True):
        if new.path.endswith("kernel"):
            assert not np.array_equal(old, new), new.path
    model.save(tmp_path / "model.keras")
    expected = model(CLIPS)
    contract.check_file(model, [CLIPS], fresh)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.cost_table == model.cost_table
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin(CLIPS)["logits"], expected["logits"])
    again = VideoClassifier(loaded.backbone, 7)
    assert again(CLIPS)["logits"].shape == (2, 7)


def test_two_gates_around_one_convolution_multiply():
    model = net()
    policy = networks.SkipPolicy()
    made = VideoClassifier.from_image_model(model, 5, gates="all", policy=policy)
    rows = {op.name: op for op in made.cost_table}
    between = rows["twice"]
    (reads,), (makes,) = between.consumes, between.produces
    assert reads.gate != makes.gate
    assert rows["stem"].produces == (reads,) and not rows["stem"].consumes
    assert rows["twice_use2"].consumes == (makes,)
    assert rows["expand"].produces == rows["project"].consumes
    assert rows["squeeze"].consumes == rows["project"].consumes
    shares = [(s.start, s.stop, s.weight) for s in rows["left"].produces]
    assert shares == [(0, 8, 1.0)]
    assert rows["right"].produces[0].start == 8
    out = made(CLIPS)
    dense = sum(
        op.macs * op.positions(40, 28)
        for op in made.cost_table
        if not op.produces and not op.consumes
    )
    assert float(out["gmacs"][0]) == pytest.approx(5 * dense / 1e9, rel=1e-5)


def test_costs_by_hand_are_those_of_the_graph():
    """Layers wrapped one by one, as people do who place gates themselves."""
    from adafuse_tf.layers import AdaptiveTemporalFusion, PerFrame

    frames = keras.Input((None, 32, 32, 3))
    x = PerFrame(layers.Conv2D(6, 3, 2, activation="relu", name="a"))(frames)
    y = PerFrame(layers.Conv2D(10, 3, padding="same", activation="relu", name="b"))(x)
    fused, policy = AdaptiveTemporalFusion(name="gate")(x, y)
    z = PerFrame(layers.Conv2D(4, 1, name="c"))(fused)
    features = PerFrame(layers.GlobalAveragePooling2D(name="pool"))(z)
    backbone = keras.Model(frames, {"features": features, "policies": {"gate": policy}})
    rows = {op.name: op for op in cost_table(backbone)}
    assert rows["a"].macs * rows["a"].positions(32, 32) == 15 * 15 * 6 * 28
    assert rows["b"].produces[0].gate == rows["c"].consumes[0].gate == "gate"
    model = VideoClassifier(backbone, 3)
    assert model.dense_gmacs(1, 32, 32) * 1e9 == pytest.approx(
        15 * 15 * (6 * 28 + 10 * 55 + 4 * 11) + 4 * 3
    )


@pytest.mark.parametrize(
    "options, message",
    [
        ({"gates": ["nothing"]}, "or names out of.*Received: gates="),
        ({"gates": None}, "`gates` must be a keyword"),
        ({"colour": 3}, "Unknown options: .'colour'.*belong into its own"),
        ({"shift": "sideways"}, "`shift` must be one of"),
        ({"hidden_units": 0}, "`hidden_units` must be a positive integer"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        VideoClassifier.from_image_model(net(), 5, **options)


def test_names_that_are_taken():
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, activation="relu", name="pool")(image)
    x = layers.Dropout(0.1, name="dropout")(x)
    model = VideoClassifier.from_image_model(
        keras.Model(image, layers.Conv2D(8, 3, name="fold")(x)), 3
    )
    assert model.backbone.output["features"].shape[-1] == 8
    head = layers.Dense(3, name="classifier")(layers.Flatten()(x))
    with pytest.raises(ValueError, match="'classifier'.*cut the image model"):
        VideoClassifier.from_image_model(keras.Model(image, head), 3)


def test_nothing_to_shift():
    model = keras.Sequential([keras.Input((16, 16, 3)), layers.Conv2D(8, 3)])
    with pytest.raises(ValueError, match="no residual branches.*shift='none'"):
        VideoClassifier.from_image_model(model, 3, shift="causal")
