import gc
import weakref

import numpy as np
import pytest

import adafuse_tf
from adafuse_tf.models import VideoClassifier

CLIPS = np.random.default_rng(0).normal(size=(5, 3, 32, 32, 3)).astype("float32")


@pytest.fixture(scope="module")
def model():
    return VideoClassifier.from_preset(
        "adafuse_tsn_resnet18", 5, width=0.125, hidden_units=8
    )


def test_arg_max_is_deterministic(model):
    first, second = (adafuse_tf.profile(model, CLIPS) for _ in range(2))
    np.testing.assert_array_equal(first.logits, second.logits)


def test_sampling_depends_on_the_seed_and_not_on_the_batch(model):
    one = adafuse_tf.profile(model, CLIPS, seed=1, batch_size=5)
    same = adafuse_tf.profile(model, CLIPS, seed=1, batch_size=2)
    other = adafuse_tf.profile(model, CLIPS, seed=2)
    for name in model.gates:
        np.testing.assert_array_equal(one.policies[name], same.policies[name])
    assert any((one.policies[n] != other.policies[n]).any() for n in model.gates)


def test_sampling_follows_the_probabilities(model):
    mix = adafuse_tf.profile(model, CLIPS, seed=3).policy_mix
    for share in mix.values():  # a new policy is uniform
        assert share == pytest.approx(1 / 3, abs=0.05)


def test_network_without_gates(model):
    plain = VideoClassifier.from_preset("tsn_resnet18", 5, width=0.125)
    profile = adafuse_tf.profile(plain, CLIPS)
    assert profile.policies == {} and profile.policy_mix == {}
    assert len(set(profile.authors_gflops.values())) == 1


def test_wrong_clips_are_named(model):
    bad = CLIPS.copy()
    bad[3, 1, 4, 5, 0] = np.nan
    with pytest.raises(ValueError, match=r"\(3, 1\)"):
        adafuse_tf.profile(model, bad)
    with pytest.raises(ValueError, match=r"clip\[None\].*\(3, 32, 32, 3\)"):
        adafuse_tf.profile(model, CLIPS[0])
    with pytest.raises(ValueError, match="at least one frame"):
        adafuse_tf.profile(model, CLIPS[:0])
    with pytest.raises(ValueError, match="stage9"):
        adafuse_tf.profile(model, CLIPS, noise={"stage9": np.zeros(3)})


def test_a_model_is_traced_once(model):
    traces = []
    policy = model.gates["stage1_block0"].policy
    original = policy.log_probabilities

    def counting(*args, **kwargs):
        traces.append(1)
        return original(*args, **kwargs)

    policy.log_probabilities = counting
    try:
        fresh = CLIPS[:, :, :24]  # of a size that it has not seen
        for _ in range(3):
            adafuse_tf.profile(model, fresh)
    finally:
        del policy.log_probabilities
    assert len(traces) == 1


def test_a_profile_follows_the_weights_and_lets_the_model_go():
    own = VideoClassifier.from_preset(
        "adafuse_tsn_resnet18", 5, width=0.125, gates=["stage4"]
    )
    before = adafuse_tf.profile(own, CLIPS)
    own.get_layer("classifier").bias.assign([0.0, 1, 2, 3, 4])
    after = adafuse_tf.profile(own, CLIPS)
    np.testing.assert_allclose(after.logits - before.logits, [range(5)] * 5, atol=1e-5)
    gone = weakref.ref(own)
    del own
    gc.collect()
    assert gone() is None
