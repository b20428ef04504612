"""A NaN in a policy network shows in what the gated view says of the frame."""

import numpy as np
import pytest

from adafuse_tf.export import write_litert, write_saved_model
from adafuse_tf.inference import as_exported, open_exported
from adafuse_tf.inference.gated import GatedView, Mechanism
from tests.export.test_litert import operations
from tests.export.tiny import camera
from tests.inference.test_gated import CLIPS, LAST18, RNG, SIZE, build

GATES = ("stage4_block0", "stage4_block1")
LABELS = tuple("abcde")
OUTPUTS = ("logits", "gmacs", "policies")


def make(**options):
    preprocessing = {"num_frames": 3, "resize": SIZE, "crop": SIZE}
    return build.__wrapped__(
        LAST18, preprocessing=preprocessing, gates=GATES, **options
    )


def spoil(variable, index):
    value = variable.numpy()
    value[index] = np.nan
    variable.assign(value)


def spoil_hidden(policy):
    spoil(policy.hidden_dense.kernel, (0, 0))


def spoil_statistics(policy):
    spoil(policy.batch_norm.moving_variance, 1)


def spoil_output(policy):
    """One score of one group, so that the others can decide."""
    spoil(policy.output_dense.kernel, (0, 4))


@pytest.mark.parametrize("history", ["raw", "fused"])
@pytest.mark.parametrize("kind", ["grouped", "consumer", "dense"])
@pytest.mark.parametrize("how", [spoil_hidden, spoil_statistics, spoil_output])
def test_weights(history, kind, how):
    model = make(history=history)
    how(model.gates[GATES[0]].policy)
    view = GatedView(model, Mechanism(kind))
    state = view.initial_state(1, SIZE, SIZE)
    for frame in CLIPS[0, :2]:
        found, state = view.step(frame[None, None], state, outputs=OUTPUTS)
        assert np.isnan(found["logits"]).all() and np.isnan(found["gmacs"]).all()
        assert list(found["policies"]) == list(GATES)
        for policy in found["policies"].values():
            assert np.isnan(policy).all()


@pytest.mark.parametrize("kind", ["keras", "saved_model", "litert"])
def test_features_in_exports(kind, tmp_path):
    """One frame has no answer, and the next has one again."""
    model = make()
    view = GatedView(model)
    opened = export(kind, model, view, tmp_path)
    name = f"state_{GATES[1]}_features"
    frames, states = camera(1, 3, SIZE, SIZE), [opened.new_state()]
    answers = []
    for t in range(frames.shape[1]):
        state = dict(states[-1])
        if t == 1:
            state[name] = np.where(np.arange(state[name].size) == 3, np.nan, 0.0)
            state[name] = state[name].astype("float32")[None]
        answer = opened.run("step", frames=frames[:, t : t + 1], **state)
        states.append({key: answer[key] for key in state})
        answers.append(answer)
    for number, answer in enumerate(answers):
        for output in ("logits", "probabilities", "gmacs", "keep_share", "skip_share"):
            nan = np.isnan(answer[output])
            assert nan.all() if number == 1 else not nan.any(), (number, output)


@pytest.mark.parametrize("kind", ["keras", "saved_model", "litert"])
@pytest.mark.parametrize("how", [spoil_hidden, spoil_output])
def test_weights_in_exports(kind, how, tmp_path):
    model = make()
    how(model.gates[GATES[0]].policy)
    opened = export(kind, model, GatedView(model), tmp_path)
    answer = opened.run("clip", frames=camera(1, 3, SIZE, SIZE))
    for output in ("logits", "gmacs", "reuse_share"):
        assert np.isnan(answer[output]).all(), output


def export(kind, model, view, folder):
    """With a window of one frame, so that every answer is that of its frame."""
    if kind == "keras":
        return as_exported(model, LABELS, window=1, gated=view)
    path = folder / ("model.tflite" if kind == "litert" else "1")
    if kind == "saved_model":
        write_saved_model(model, LABELS, path, window=1, gated=view)
    else:
        write_litert(model, LABELS, {"float32": path}, window=1, gated=view)
        found = {name for name, _, _ in operations(path)}
        assert not found & {"CUSTOM", "DELEGATE"}
    return open_exported(path)


def test_drawn_actions_start_again():
    """The number of the frame stays small: a float32 counts no further than 2**24."""
    model = make()
    groups = {gate: p.groups for gate, p in GatedView(model).gates.items()}
    drawn = {gate: RNG.integers(0, 3, size=(3, n)) for gate, n in groups.items()}
    view = GatedView(model, drawn=drawn)
    state, policies, numbers = view.initial_state(1, SIZE, SIZE), [], []
    for t in range(7):
        frame = CLIPS[:1, t % CLIPS.shape[1]][:, None]
        out, state = view.step(frame, state, outputs=("policies",))
        policies.append(np.array(out["policies"][GATES[0]]))
        numbers.append(float(state["drawn/frame"][0, 0]))
    assert numbers == [1, 2, 0, 1, 2, 0, 1]
    np.testing.assert_array_equal(policies[:3], policies[3:6])
