"""Losses, metrics, labels and weights as users of `fit` give them."""

import keras
import numpy as np
import pytest

from adafuse_tf import costs
from tests.export.tiny import tiny_classifier

RNG = np.random.default_rng(0)
CLIPS = RNG.normal(size=(6, 3, 16, 16, 3)).astype("float32")
LABELS = np.arange(6) % 5
CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def tiny(**options):
    return tiny_classifier(num_classes=5, **options)


def losses(model, *data, **options):
    return model.evaluate(*data, batch_size=6, verbose=0, return_dict=True, **options)


def test_one_loss_is_that_of_the_logits():
    model = tiny()
    logits = model(CLIPS)["logits"]
    expected = float(np.mean(CROSS_ENTROPY(LABELS, logits)))
    named = {"logits": LABELS}
    for loss in (
        CROSS_ENTROPY,
        [CROSS_ENTROPY],
        "sparse_categorical_crossentropy",
        {"logits": "sparse_categorical_crossentropy"},
        lambda y, x: keras.losses.sparse_categorical_crossentropy(y, x, True),
    ):
        model.compile("sgd", loss)
        for y in (LABELS, named, {**named, "gmacs": np.zeros(6)}):
            assert losses(model, CLIPS, y)["loss"] == pytest.approx(expected, rel=1e-4)
    model.compile("sgd", CROSS_ENTROPY, loss_weights=0.5)
    assert losses(model, CLIPS, LABELS)["loss"] == pytest.approx(expected / 2, rel=1e-4)


def test_metrics_without_a_name_are_those_of_the_logits():
    model = tiny()
    right = np.argmax(model(CLIPS)["logits"], -1) == LABELS
    for metrics in ("accuracy", ["accuracy"], {"logits": ["accuracy"]}):
        model.compile("sgd", CROSS_ENTROPY, metrics=metrics)
        assert losses(model, CLIPS, LABELS)["logits_accuracy"] == pytest.approx(
            right.mean()
        )
    model = tiny()  # Keras keeps metrics that were compiled before
    right = np.argmax(model(CLIPS)["logits"], -1) == LABELS
    model.compile("sgd", CROSS_ENTROPY, metrics=None)
    assert set(losses(model, CLIPS, LABELS)) <= {"loss", "logits_loss"}
    model.compile("sgd", CROSS_ENTROPY, weighted_metrics="accuracy")
    weights = np.array([1.0, 1, 0, 0, 0, 0])
    found = losses(model, CLIPS, LABELS, sample_weight=weights)
    assert found["logits_weighted_accuracy"] == pytest.approx(right[:2].mean())


@pytest.mark.parametrize("gated", (True, False))
def test_compile_without_arguments(gated):
    model = tiny(gated=gated)
    model.compile()
    found = losses(model, CLIPS, LABELS)
    out = model(CLIPS)
    entropy = float(np.mean(CROSS_ENTROPY(LABELS, out["logits"])))
    gmacs = float(np.mean(out["gmacs"]))
    frames = model.preprocessing.num_frames
    penalty = 0.1 * gmacs / frames if gated else 0.0
    assert found["loss"] == pytest.approx(entropy + penalty, rel=1e-4)
    assert found["gmacs_per_clip"] == pytest.approx(gmacs, rel=1e-5)
    assert 0 <= found["logits_accuracy"] <= 1
    history = model.fit(CLIPS, LABELS, epochs=6, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert isinstance(model.optimizer, keras.optimizers.SGD)


@pytest.mark.parametrize("form", ({}, {"form": "budget", "target": 0.3}))
def test_clips_of_weight_zero_do_not_train(form):
    """Padding a batch with clips of weight 0 changes nothing but the mean's divisor."""
    cost = costs.FlopsLoss(3.0, reference=1e-4, **form)
    steps = []
    for padding in (0, 2):
        keras.utils.set_random_seed(0)
        model = tiny()
        for gate in model.gates.values():
            gate.policy.noise_scale.assign(0.0)
            gate.policy.batch_norm.trainable = False  # its statistics are the batch's
        for layer in model.layers:
            if layer.name.endswith("_bn"):
                layer.trainable = False
        # Of a sum, so that the number of clips does not matter.
        losses = {
            "logits": keras.losses.SparseCategoricalCrossentropy(True, reduction="sum"),
            "gmacs": costs.FlopsLoss(**{**cost.get_config(), "reduction": "sum"}),
        }
        model.compile(keras.optimizers.SGD(0.01), losses)
        x = np.concatenate([CLIPS[:4], 9 * CLIPS[4 : 4 + padding]])
        y = LABELS[: 4 + padding]
        weights = np.array([1.0, 2.0, 0.5, 1.0, 0.0, 0.0], "float32")[: 4 + padding]
        for given in (weights, {"logits": weights}):
            model.train_on_batch(x, y, sample_weight=given)
        steps.append([np.array(v) for v in model.trainable_variables])
    for a, b in zip(*steps, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_cost_can_have_weights_of_its_own():
    model = tiny()
    model.compile("sgd", {"gmacs": costs.FlopsLoss(1.0)}, metrics=None)
    gmacs = np.array(model(CLIPS)["gmacs"])
    weights = np.array([1.0, 0, 0, 0, 0, 2])
    given = {"logits": np.zeros(6), "gmacs": weights}
    found = losses(model, CLIPS, LABELS, sample_weight=given)
    assert found["loss"] == pytest.approx(np.mean(gmacs * weights), rel=1e-5)


def test_class_weights():
    model = tiny(gated=False)
    model.compile("sgd", CROSS_ENTROPY, metrics=None)
    weights = {0: 2.0, 1: 1.0, 2: 1.0, 3: 1.0, 4: 0.0}
    found = model.train_on_batch(CLIPS, LABELS, class_weight=weights)
    assert np.isfinite(found).all()


def inside(model):
    frames = keras.Input((3, 16, 16, 3))
    return keras.Model(frames, model(keras.layers.Rescaling(1 / 255)(frames)))


def in_a_row(model):
    return keras.Sequential([keras.layers.Rescaling(1 / 255), model])


@pytest.mark.parametrize("around", (inside, in_a_row))
def test_a_model_around_it_trains_with_plain_labels(around):
    for view in (tiny(), tiny().with_outputs("logits")):
        outer = around(view)
        outer.compile("sgd", {"logits": CROSS_ENTROPY}, metrics={"logits": "accuracy"})
        history = outer.fit(255 * CLIPS, LABELS, epochs=5, verbose=0).history
        assert history["loss"][-1] < history["loss"][0]
    outer.compile("sgd", CROSS_ENTROPY)  # of one output it need not be named
    outer.fit(255 * CLIPS, LABELS, verbose=0)
    outer = around(tiny())
    outer.compile("sgd", CROSS_ENTROPY)
    assert outer.predict(255 * CLIPS, verbose=0)["logits"].shape == (6, 5)
    with pytest.raises(ValueError, match=r"Name the output: .*'gmacs': zeros"):
        outer.fit(255 * CLIPS, LABELS, verbose=0)
    loss = {"logits": CROSS_ENTROPY, "gmacs": costs.FlopsLoss(1.0)}
    outer.compile("sgd", loss)
    outer.fit(255 * CLIPS, {"logits": LABELS, "gmacs": np.zeros(6)}, verbose=0)


def test_wrong_losses_and_metrics_are_explained():
    model = tiny()
    with pytest.raises(ValueError, match=r"`loss` must be for.*\['classes'\]"):
        model.compile("sgd", {"classes": CROSS_ENTROPY})
    with pytest.raises(ValueError, match="must be a dict.*2 values"):
        model.compile("sgd", [CROSS_ENTROPY, costs.FlopsLoss(1.0)])
    with pytest.raises(ValueError, match="from_logits=True.*from_logits=False"):
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy())
    with pytest.raises(ValueError, match=r"`metrics` must be for.*\['cost'\]"):
        model.compile("sgd", CROSS_ENTROPY, metrics={"cost": "mae"})
    model.compile("sgd", CROSS_ENTROPY)
    with pytest.raises(ValueError, match=r"`y` must be for.*\['label'\]"):
        model.fit(CLIPS, {"label": LABELS}, verbose=0)
