"""Views on a classifier: the same layers, and what Keras needs to know of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from adafuse_tf import VideoClassifier, VideoStream
from tests.export.tiny import camera, tiny_classifier, tiny_network

CLIPS = np.random.default_rng(0).normal(size=(4, 3, 16, 16, 3)).astype("float32")
LABELS = np.arange(4) % 3


def test_a_backbone_is_frozen_and_thawed():
    model = tiny_classifier()
    assert model.backbone is model.backbone
    everything = len(model.trainable_variables)
    model.backbone.trainable = False
    assert len(model.trainable_variables) == 2
    model.backbone.trainable = True
    assert len(model.trainable_variables) == everything
    model.backbone.trainable = False
    model.trainable = True
    assert len(model.trainable_variables) == everything
    model.backbone.trainable = False
    assert len(model.trainable_variables) == 2


def test_what_is_frozen_from_the_start_stays_so():
    model = tiny_classifier(trainable=False)
    views = (model, model.backbone, model.with_outputs("logits"))
    clone = keras.models.clone_model(model)
    for view in (*views, clone, VideoClassifier(model.backbone, 5).backbone):
        assert not view.trainable_variables, view.name


def test_a_backbone_takes_frames_as_they_are_and_another_head():
    model = tiny_classifier()
    frames = camera(2, 3, 24, 20)
    prepared = model.preprocessing(frames)
    np.testing.assert_allclose(
        model.backbone(frames)["features"],
        model.backbone(prepared)["features"],
        atol=1e-6,
    )
    other = VideoClassifier(model.backbone, 7)
    assert other(CLIPS)["logits"].shape == (4, 7)
    rows = {op.name: op for op in other.cost_table}
    assert list(other.gates) == list(model.gates) and rows["classifier"].macs == 16 * 7


@pytest.mark.parametrize("outputs", [("logits",), ("frame_logits",), ("policies",)])
def test_views_have_the_precision_of_their_model(outputs):
    model = tiny_classifier(dtype="mixed_float16")
    view = model.with_outputs(*outputs)
    assert view.dtype_policy.name == "mixed_float16"
    view.compile("sgd", "mse")
    assert isinstance(view.optimizer, keras.optimizers.LossScaleOptimizer)
    config = view.get_config()
    again = type(view).from_config(config)
    assert again.dtype_policy.name == "mixed_float16"


def test_a_model_of_a_strategy_is_saved(tmp_path):
    with tf.distribute.MirroredStrategy(["cpu:0"]).scope():
        model = tiny_classifier()
        model.compile()
        model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert float(loaded.loss["gmacs"].weight) == pytest.approx(0.1)


def test_bytes_of_any_size_need_no_xla(monkeypatch):
    # As where there is a GPU: Keras would compile with XLA then.
    module = "keras.src.trainers.trainer.model_supports_jit"
    monkeypatch.setattr(module, lambda model: True)
    for view in (tiny_classifier(), tiny_classifier().with_outputs("logits")):
        view.compile("sgd", {"logits": "mse"})
        assert not view.jit_compile
    model = tiny_classifier()
    model.compile()
    model.predict(camera(2, 3, 24, 30), verbose=0)


def test_a_stream_follows_a_model_that_is_changed():
    model = tiny_classifier()
    frames = camera(3, 24, 20)
    VideoStream(model).push(frames)
    classifier = model.get_layer("classifier")
    classifier.enable_lora(2)
    classifier.lora_kernel_b.assign(np.full((2, 3), 3.0))
    logits = model(model.preprocessing(frames)[None])["logits"][0]
    answer = VideoStream(model).push(frames)
    np.testing.assert_allclose(answer.probabilities, tf.nn.softmax(logits), atol=1e-5)


def test_streams_of_something_else():
    model = tiny_classifier()
    for wrong in (None, model.with_outputs("logits")):
        with pytest.raises(TypeError, match="`model` must be the path.*Received"):
            VideoStream(wrong)
    with pytest.raises(ValueError, match="`num_threads` is for a `.tflite`"):
        VideoStream(model, num_threads=2)


@pytest.mark.parametrize(
    "loss",
    [
        "SparseCategoricalCrossentropy",
        "sparse_categorical_crossentropy",
        keras.losses.sparse_categorical_crossentropy,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    ],
)
def test_a_cross_entropy_is_that_of_logits(loss):
    model = tiny_classifier()
    model.compile("sgd", loss, metrics=["sparse_categorical_crossentropy", "accuracy"])
    found = model.evaluate(CLIPS, LABELS, verbose=0, return_dict=True)
    logits = model.predict(CLIPS, verbose=0)["logits"]
    cost = tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, logits)
    assert found["loss"] == pytest.approx(np.mean(cost), rel=1e-5)
    name = "logits_sparse_categorical_crossentropy"
    assert found[name] == pytest.approx(np.mean(cost), rel=1e-5)
    assert found["logits_accuracy"] == np.mean(np.argmax(logits, -1) == LABELS)


@pytest.mark.parametrize("kind", ["CategoricalFocalCrossentropy", "BinaryCrossentropy"])
def test_probabilities_are_refused(kind):
    model = tiny_classifier()
    with pytest.raises(ValueError, match=f"from_logits=True.*{kind}"):
        model.compile("sgd", getattr(keras.losses, kind)())
    model.compile("sgd", kind)
    assert model.loss["logits"].get_config()["from_logits"]


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda m: VideoClassifier(m.backbone, 5, dropuot=0.1), TypeError,
         r"VideoClassifier\(backbone.*'dropuot'"),
        (lambda m: VideoClassifier(), TypeError, "VideoClassifier.backbone.*missing"),
        (lambda m: VideoClassifier(m.input, m.output["logits"]), ValueError,
         "has one ClipCost"),
        (lambda m: VideoClassifier(m.backbone, 5, preprocessing=7), TypeError,
         "`preprocessing` must be a Preprocessing"),
        (lambda m: m.with_outputs(["logits"]), ValueError, "Outputs must be among"),
        (lambda m: m.dense_gmacs(8, 0, 0), ValueError, "`height` must be a positive"),
        (lambda m: VideoClassifier(m.backbone, 5, "lstm", lstm_units=0), ValueError,
         "`lstm_units` must be a positive"),
        (lambda m: VideoClassifier.from_image_model(tiny_network(), 5, gates=3),
         TypeError, "`gates` must be a keyword"),
    ],
)  # fmt: skip
def test_wrong_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make(tiny_classifier())


def test_one_output_of_a_step_by_its_name():
    model = tiny_classifier()
    out, _ = model.step(CLIPS, model.initial_state(4, 16, 16), outputs="logits")
    assert list(out) == ["logits"]
