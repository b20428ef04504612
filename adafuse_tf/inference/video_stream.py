"""Pushes the frames of one video through a model and reads the running answer."""

import dataclasses
import os
import threading
import weakref

import numpy as np

from adafuse_tf.inference.exported import as_exported, open_exported
from adafuse_tf.inference.runtimes import ExportedModel
from adafuse_tf.models import VideoClassifier

# What of a model a stream needs.
STREAM_SIGNATURES = ("init_state", "step")

# Keras models as they were traced for their first stream, by what the graphs hold: the
# preprocessing, as constants, and the variables, which `quantize` or `enable_lora`
# replace. They refer to the weights but not to the model, so that an entry goes with
# its model.
_traced = weakref.WeakKeyDictionary()
_tracing = threading.Lock()


@dataclasses.dataclass(frozen=True)
class StreamAnswer:
    """The answer after the frames so far, and what the last ones cost.

    Attributes:
        label: The most probable class.
        probabilities: float32 `[K]`, in the order of `VideoStream.labels`.
        gmacs: Cost of the frames of this push.
        policy: Shares of `keep`, `reuse` and `skip` among the decisions of this push;
            `None` for a model without gates.
        actions: Gate name to uint8 `[k, C]`: 0 skip, 1 reuse, 2 keep.
    """

    label: str
    probabilities: np.ndarray
    gmacs: float
    policy: dict[str, float] | None
    actions: dict[str, np.ndarray]


class VideoStream:
    """A video that comes frame by frame.

    A stream is one video, for one thread at a time. Any number of streams, each in a
    thread of its own, may share a model: that of several cameras is opened once, and
    what `open_exported` returned is given to all of their streams.

    Args:
        model: The path of an exported model (SavedModel or `.tflite`), which is opened
            for this stream alone, what `open_exported` or `as_exported` returned, or a
            `VideoClassifier`, which is traced for its first stream and answers with the
            weights that it has at the time.
        num_threads: Threads of a `.tflite` that is opened here, see `open_exported`.

    Attributes:
        labels: Names of the classes.
        preprocessing: What the frames go through.
        gmacs: Cost of all frames since the start.
        num_frames: Their number.

    Raises:
        ValueError: The model cannot stream, or only several streams at a time;
            `num_threads` for what is open already.
        TypeError: It is no model.

    Example:

    ```python
    stream = VideoStream("saved_models/camera_moves.tflite")
    for frame in frames:  # uint8 [H, W, 3]
        answer = stream.push(frame)
        print(answer.label, answer.probabilities.max(), answer.gmacs, answer.policy)
    ```
    """

    def __init__(self, model, num_threads=None):
        opened = isinstance(model, (VideoClassifier, ExportedModel))
        if opened and num_threads is not None:
            raise ValueError(
                "`num_threads` is for a `.tflite` that is opened here. Received: "
                f"num_threads={num_threads!r} and a {type(model).__name__}"
            )
        if isinstance(model, VideoClassifier):
            model = _traced_once(model)
        elif not opened:
            if not isinstance(model, (str, os.PathLike)):
                raise TypeError(
                    "`model` must be the path of an exported model, an opened one or a "
                    f"VideoClassifier. Received: {model!r}"
                )
            model = open_exported(model, num_threads)
        if model.card.no_stream:
            raise ValueError(f"{model.name} cannot stream: {model.card.no_stream}")
        streams = model.inputs["step"]["frames"].shape[0]
        if streams not in (None, 1):
            raise ValueError(
                "A `VideoStream` needs a model that takes one stream at a time; call "
                "`open_exported(...).run('step', ...)` for more. Received: "
                f"{model.name}, exported for {streams}"
            )
        self._model = model
        self.labels = model.card.labels
        self.preprocessing = model.card.preprocessing
        self.reset()

    def reset(self):
        """Starts anew: the next frame is the first of a video."""
        self._state = self._model.new_state()
        self.gmacs = 0.0
        self.num_frames = 0

    def push(self, frames) -> StreamAnswer:
        """Takes the next frame or frames.

        Args:
            frames: uint8 RGB `[H, W, 3]`, or several `[k, H, W, 3]`.

        Returns:
            The `StreamAnswer` after the last of them.

        Raises:
            ValueError: Frames of another rank, or none.
            TypeError: Frames that are not uint8.
        """
        frames = np.asarray(frames)
        if frames.ndim == 3:
            frames = frames[None]
        if frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape:
            raise ValueError(
                "A stream takes a frame [H, W, 3] or frames [k, H, W, 3], at least "
                f"one. Received: shape={frames.shape}"
            )
        if frames.dtype != np.uint8:
            raise TypeError(
                f"Frames must be uint8, 0 to 255. Received: dtype={frames.dtype}"
            )
        frames = self._model.card.fit(frames)
        at_a_time = self._model.inputs["step"]["frames"].shape[1] or len(frames)
        parts = []
        for start in range(0, len(frames), at_a_time):
            part = frames[None, start : start + at_a_time]
            outputs = self._model.run("step", frames=part, **self._state)
            self._state = {k: outputs[k] for k in self._state}
            parts.append(outputs)
        return self._answer(parts, len(frames))

    @property
    def state_bytes(self) -> int:
        """Size of what the stream remembers."""
        return sum(value.nbytes for value in self._state.values())

    def _answer(self, parts, num_frames):
        last = parts[-1]
        gmacs = float(sum(part["gmacs"][0] for part in parts))
        self.gmacs += gmacs
        self.num_frames += num_frames
        policy, actions = None, {}
        if self._model.card.gates:
            policy = {
                action: float(np.mean([part[f"{action}_share"][0] for part in parts]))
                for action in ("keep", "reuse", "skip")
            }
            rows = np.concatenate([part["actions"][0] for part in parts])
            ends = np.cumsum(list(self._model.card.gates.values()))
            actions = dict(
                zip(self._model.card.gates, np.split(rows, ends[:-1], -1), strict=True)
            )
        return StreamAnswer(
            label=self.labels[int(last["classes"][0])],
            probabilities=last["probabilities"][0],
            gmacs=gmacs,
            policy=policy,
            actions=actions,
        )


def _traced_once(model):
    with _tracing:  # a second thread waits for the first one's graphs
        known = _traced.setdefault(model, {})
        variables = [(v.path, id(v), str(v.dtype)) for v in model.variables]
        key = str((model.preprocessing.to_dict(), variables))
        if key not in known:
            known[key] = as_exported(model, names=STREAM_SIGNATURES)
        return known[key]
