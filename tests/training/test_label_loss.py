import keras
import numpy as np
import pytest

from adafuse_tf.training import load_config
from adafuse_tf.training.label_loss import cross_entropy, top1

LOGITS = np.array([[2.0, 0.0, -1.0], [0.5, 1.0, 0.0]], np.float32)
LABELS = np.array([0, 2], np.int32)
SOFT = np.array([[0.7, 0.3, 0.0], [0.0, 0.4, 0.6]], np.float32)


def task(smoothing=0.0, alpha=0.0):
    return load_config(
        overrides=[
            f"task.label_smoothing={smoothing}",
            f"task.train_data.augmentation.mixup_alpha={alpha}",
        ]
    ).task


def expected(targets, smoothing=0.0):
    targets = targets * (1 - smoothing) + smoothing / 3
    probabilities = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)
    return -(targets * np.log(probabilities)).sum(-1).mean()


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_of_labels(smoothing):
    loss = cross_entropy(task(smoothing))(LABELS, LOGITS)
    targets = np.eye(3)[LABELS]
    np.testing.assert_allclose(np.mean(loss), expected(targets, smoothing), rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_of_shares(smoothing):
    loss = cross_entropy(task(smoothing, alpha=0.2))(SOFT, LOGITS)
    np.testing.assert_allclose(np.mean(loss), expected(SOFT, smoothing), rtol=1e-5)


@pytest.mark.parametrize("alpha, labels", [(0.0, LABELS), (0.2, SOFT)])
def test_top1(alpha, labels):
    metric = top1(task(alpha=alpha))
    metric.update_state(labels, LOGITS)
    assert metric.name == "top1" and float(metric.result()) == 0.5


@pytest.mark.parametrize("smoothing, alpha", [(0.0, 0.0), (0.1, 0.0), (0.1, 0.2)])
def test_fit_and_evaluate(smoothing, alpha):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    settings = task(smoothing, alpha)
    model.compile("sgd", loss=cross_entropy(settings), metrics=[top1(settings)])
    features = np.random.default_rng(0).normal(size=[2, 4])
    labels = SOFT if alpha else LABELS
    history = model.fit(features, labels, verbose=0, epochs=2).history
    assert history["loss"][1] < history["loss"][0]
    assert 0 <= history["top1"][0] <= 1
