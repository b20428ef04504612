"""One opened model, several streams in threads of their own."""

import gc
import shutil
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

from adafuse_tf.export import write_litert
from adafuse_tf.inference import (
    VideoStream,
    as_exported,
    exported,
    open_exported,
    runtimes,
)
from adafuse_tf.inference import video_stream as video_stream_module
from adafuse_tf.inference.gated import GatedView
from tests.export.tiny import LABELS, SIZE, camera, tiny_classifier
from tests.inference.test_gated import CLIPS, ONE_GATE, build

SAVED_MODELS = Path(__file__).parents[2] / "saved_models"
STREAMS = 4


def in_threads(calls):
    """What each call returns, all of them at once."""
    results, errors = [None] * len(calls), []
    together = threading.Barrier(len(calls))

    def run(number):
        together.wait()
        try:
            results[number] = calls[number]()
        except Exception as error:
            errors.append(error)

    threads = [
        threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(calls))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads), "they wait for ever"
    return results


def push_all(stream, video):
    return [stream.push(frame) for frame in video]


def videos(size, frames=20, count=STREAMS):
    return [camera(frames, size, size, seed=seed) for seed in range(count)]


def assert_equal(found, wanted):
    """Every number of every answer, to the last bit."""
    for answer, other in zip(found, wanted, strict=True):
        assert answer.label == other.label and answer.gmacs == other.gmacs
        assert answer.policy == other.policy
        np.testing.assert_array_equal(answer.probabilities, other.probabilities)
        assert answer.actions.keys() == other.actions.keys()
        for gate, actions in other.actions.items():
            np.testing.assert_array_equal(answer.actions[gate], actions)


def check_streams(model, size):
    """Streams at once answer as the same streams one after the other."""
    frames = videos(size)
    wanted = [push_all(VideoStream(model), video) for video in frames]
    streams = [VideoStream(model) for _ in frames]
    for _ in range(3):
        found = in_threads(
            [
                lambda stream=stream, video=video: push_all(stream, video)
                for stream, video in zip(streams, frames, strict=True)
            ]
        )
        for answers, others in zip(found, wanted, strict=True):
            assert_equal(answers, others)
        for stream in streams:
            stream.reset()


@pytest.mark.parametrize("max_interpreters", [1, 2, STREAMS])
def test_litert(max_interpreters):
    path = SAVED_MODELS / "camera_moves.tflite"
    model = open_exported(path, max_interpreters=max_interpreters)
    check_streams(model, model.card.preprocessing.crop)


def test_saved_model():
    model = open_exported(SAVED_MODELS / "camera_moves")
    check_streams(model, model.card.preprocessing.crop + 8)


def test_keras():
    check_streams(tiny_classifier(), SIZE + 8)


def test_keras_traced_in_threads():
    model = tiny_classifier()
    frames = videos(SIZE)
    found = in_threads(
        [lambda v=v: push_all(VideoStream(as_exported(model)), v) for v in frames]
    )
    for answers, video in zip(found, frames, strict=True):
        assert_equal(answers, push_all(VideoStream(model), video))


@pytest.mark.parametrize("kind", ["model", "gated view"])
def test_steps(kind):
    """Whoever comes first traces; the others wait and use the same graph."""
    model = build(**ONE_GATE)
    view = GatedView(model) if kind == "gated view" else model

    def run(clip):
        state, numbers = view.initial_state(1, *clip.shape[1:3]), []
        for frame in clip:
            out, state = view.step(frame[None, None], state)
            numbers += [out["logits"].numpy(), out["gmacs"].numpy()]
        return numbers

    clips = [CLIPS[0], CLIPS[1], -CLIPS[0], -CLIPS[1]]
    found = in_threads([lambda clip=clip: run(clip) for clip in clips])
    for numbers, clip in zip(found, clips, strict=True):
        for number, other in zip(numbers, run(clip), strict=True):
            np.testing.assert_array_equal(number, other)


def test_clips_and_streams_at_once():
    """Signatures of a .tflite share their interpreter's tensors."""
    model = open_exported(SAVED_MODELS / "camera_moves.tflite")
    shape = model.inputs["clip"]["frames"].shape
    clips = [camera(*shape[:4], seed=seed) for seed in (7, 8)]
    (video,) = videos(shape[2], count=1)
    wanted = [model.run("clip", frames=clip) for clip in clips]
    stream, other = VideoStream(model), VideoStream(model)
    *found, answers = in_threads(
        [lambda c=c: model.run("clip", frames=c) for c in clips]
        + [lambda: push_all(stream, video)]
    )
    assert_equal(answers, push_all(other, video))
    for one, two in zip(found, wanted, strict=True):
        for name, value in two.items():
            np.testing.assert_array_equal(one[name], value, err_msg=name)


@pytest.fixture
def opened(monkeypatch):
    """Counts the interpreters that are made, on a machine of three cores."""
    made, open_litert = [], runtimes._open_litert

    def counted(*arguments):
        made.append(open_litert(*arguments))
        return made[-1]

    monkeypatch.setattr(runtimes, "_open_litert", counted)
    monkeypatch.setattr(exported, "_cores", lambda: 3)
    return made


@pytest.mark.parametrize(
    ("num_threads", "most"), [(1, 3), (None, 3), (2, 1), (5, 1), (3, 1)]
)
def test_no_more_interpreters_than_cores(opened, num_threads, most):
    model = open_exported(SAVED_MODELS / "camera_moves.tflite", num_threads)
    assert len(opened) == 1
    frames = videos(model.card.preprocessing.crop, 5, count=12)
    in_threads([lambda v=v: push_all(VideoStream(model), v) for v in frames])
    assert 1 <= len(opened) <= most


def test_one_stream_needs_one_interpreter(opened):
    model = open_exported(SAVED_MODELS / "camera_moves.tflite")
    (video,) = videos(model.card.preprocessing.crop, 5, count=1)
    push_all(VideoStream(model), video)
    assert len(opened) == 1


def test_an_error_gives_the_interpreter_back(opened, monkeypatch):
    model = open_exported(SAVED_MODELS / "camera_moves.tflite", max_interpreters=1)

    def fail(**inputs):
        raise RuntimeError("no memory")

    with monkeypatch.context() as broken:
        broken.setitem(opened[0].runners, "init_state", fail)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="no memory"):
                model.new_state()
    state = in_threads([model.new_state])[0]  # in a thread: it could wait for ever
    assert len(opened) == 1 and state


def test_an_interpreter_that_cannot_be_made_is_not_missed(opened, monkeypatch):
    model = open_exported(SAVED_MODELS / "camera_moves.tflite", max_interpreters=2)
    with model._borrowed(), monkeypatch.context() as broken:

        def fail():
            raise MemoryError("no memory")

        broken.setattr(model, "_open", fail)
        for _ in range(3):
            with pytest.raises(MemoryError):
                model.new_state()
    assert model.new_state() and len(opened) == 1


def test_the_file_may_go(exports, tmp_path, opened):
    """The second interpreter is of the model of the first."""
    path = tmp_path / "model.tflite"
    shutil.copy(exports.float32, path)
    model = open_exported(path)
    video = camera(3, SIZE, SIZE)
    wanted = push_all(VideoStream(model), video)
    other = tiny_classifier(history="fused")
    for replace in (
        lambda: write_litert(other, LABELS, {"float32": path}),
        path.unlink,
    ):
        replace()
        with model._borrowed():
            assert_equal(push_all(VideoStream(model), video), wanted)
    assert len(opened) == 2


def test_settings_of_interpreters(exports):
    with pytest.raises(ValueError, match="`max_interpreters` must be a positive"):
        open_exported(exports.float32, max_interpreters=0)
    with pytest.raises(ValueError, match="max_interpreters count with a .tflite only"):
        open_exported(exports.saved_model, max_interpreters=2)


def test_a_keras_model_is_traced_once_and_followed(monkeypatch):
    traced, trace = [], video_stream_module.as_exported
    monkeypatch.setattr(
        video_stream_module,
        "as_exported",
        lambda *args, **options: traced.append(1) or trace(*args, **options),
    )
    model = tiny_classifier()
    video = camera(3, SIZE, SIZE)
    first = push_all(VideoStream(model), video)
    assert_equal(push_all(VideoStream(model), video), first)
    classifier = model.get_layer("classifier")
    classifier.bias.assign([0.0, 9.0, 0.0])
    trained = push_all(VideoStream(model), video)
    assert len(traced) == 1 and trained[-1].label == "1"
    assert trained[-1].probabilities[1] > first[-1].probabilities[1]
    VideoStream(tiny_classifier())
    assert len(traced) == 2


def test_what_is_traced_goes_with_its_model():
    model = tiny_classifier()
    video = camera(3, SIZE, SIZE)
    stream = VideoStream(model)
    wanted = push_all(stream, video)
    model, gone = None, weakref.ref(model)
    gc.collect()
    assert gone() is None
    stream.reset()
    assert_equal(push_all(stream, video), wanted)
