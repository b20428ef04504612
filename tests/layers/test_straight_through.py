import numpy as np
import tensorflow as tf

from adafuse_tf.layers.straight_through import (
    gumbel_noise,
    one_hot_argmax,
    softmax,
    straight_through_argmax,
)


def test_softmax_is_tensorflows_also_for_large_scores():
    x = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")
    for scale in (1, 1000):
        expected = tf.nn.softmax(x * scale)
        np.testing.assert_allclose(softmax(x * scale), expected, atol=1e-6)


def test_one_hot_argmax_is_numpys_also_on_ties():
    x = np.random.default_rng(0).integers(0, 3, size=(500, 3)).astype("float32")
    np.testing.assert_array_equal(one_hot_argmax(x), np.eye(3)[np.argmax(x, -1)])


def test_forward_is_exact_and_backward_is_softmax():
    x = tf.constant(np.random.default_rng(1).normal(size=(40, 3)).astype("float32"))
    weights = np.random.default_rng(2).normal(size=(40, 3)).astype("float32")
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        hard = straight_through_argmax(x, 0.67)
        loss = tf.reduce_sum(hard * weights)
        soft_loss = tf.reduce_sum(tf.nn.softmax(x / 0.67) * weights)
    assert set(np.unique(hard)) == {0.0, 1.0}
    np.testing.assert_allclose(
        tape.gradient(loss, x), tape.gradient(soft_loss, x), atol=1e-6
    )


def test_gumbel_noise_samples_the_probabilities():
    log_p = np.log(np.array([0.2, 0.3, 0.5], "float32"))
    drawn = one_hot_argmax(log_p + gumbel_noise((20000, 3), seed=3))
    np.testing.assert_allclose(np.mean(drawn, 0), [0.2, 0.3, 0.5], atol=0.015)
