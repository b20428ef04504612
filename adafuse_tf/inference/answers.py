"""What an exported model computes: from frames as they are to named answers."""

import tensorflow as tf

from adafuse_tf.data import Preprocessing, Sampler, records
from adafuse_tf.layers.actions import ACTIONS, KEEP, REUSE
from adafuse_tf.models.streaming import run_step

# Inputs and outputs of the step signature that carry the stream from call to call.
STATE_PREFIX = "state_"
_OUTPUTS = ("logits", "gmacs", "policies")


class Answers:
    """The functions of a classifier that its exports offer as signatures.

    Args:
        model: A `VideoClassifier`.
        labels: Names of the classes, in the order of the logits.
        cropped: Frames come in the size of the model's input (`preprocessing.crop`),
            resized and cropped by the caller; they are only normalised here, and no
            operation on strings is needed. By default frames of any size are resized
            and cropped.
        window: Streams average the logits over so many last frames; by default over
            all since their start.
        gated: A `GatedView` of the model that computes clips and steps in its stead,
            frame by frame.
        sampler: Which frames of a video make a clip; by default the centres of T
            segments.

    Raises:
        ValueError: The labels are not one per class, or there is a `window` for a model
            that cannot stream.

    Attributes:
        no_stream: Why the model cannot stream, `None` if it can.

    The answers, every one with a batch dimension:

    - `logits` and `probabilities`, float32 `[B, K]`
    - `classes` int32 `[B]`, the most probable class, and, unless `cropped`, its name in
      `labels`, string `[B]`
    - `gmacs` float32 `[B]`: cost of the frames of this call
    - with gates: `keep_share`, `reuse_share` and `skip_share` float32 `[B]`, every
      channel counting alike, and `actions` uint8 `[B, T, C]`, 0 skip, 1 reuse, 2 keep,
      the gates' channels side by side in network order
    """

    def __init__(
        self, model, labels, cropped=False, window=None, gated=None, sampler=None
    ):
        if len(labels) != model.num_classes:
            raise ValueError(
                f"`labels` must name the model's {model.num_classes} classes. "
                f"Received: {len(labels)} labels"
            )
        self.model = model
        self.labels = tuple(labels)
        self.cropped = cropped
        self.preprocessing: Preprocessing = model.preprocessing
        self._gated = gated
        self.sampler = sampler or Sampler()
        self._view = model.with_outputs(*_OUTPUTS)
        size = self.preprocessing.crop
        spec = tf.TensorSpec([None, None, size, size, 3], tf.float32)
        # Traced once, however many signatures call it.
        self._classify_any = tf.function(
            self._classify, input_signature=[spec], autograph=False
        )
        self.no_stream = _why_no_stream(model)
        if window is not None and self.no_stream:
            raise ValueError(
                f"`window` is for streams; leave it out. Received: window={window} for "
                f"{model.name}, which cannot stream: {self.no_stream}"
            )
        state = {}
        if self.no_stream is None:
            state = (gated or model).initial_state(1, window=window)
        self._state_keys = {_state_name(key): key for key in state}
        self._state_zeros = {_state_name(key): value for key, value in state.items()}

    @property
    def gates(self) -> dict[str, int]:
        """Channels of each gate, in the order of `actions`."""
        return {name: gate.channels for name, gate in self.model.gates.items()}

    def clip(self, frames):
        """Answers for clips of decoded frames, uint8 `[B, T, H, W, 3]`."""
        frames = self._prepare(frames)
        if None in frames.shape:
            return self._answers(self._classify_any(frames))
        return self._answers(self._classify(frames))

    def clip_from_images(self, image_bytes):
        """Answers for clips of JPEG files, string `[B, T]`; frames of any size."""
        shape = _with_frames(tf.shape(image_bytes), 1)
        frames = tf.map_fn(
            self._decode,
            tf.reshape(image_bytes, [-1]),
            fn_output_signature=tf.uint8,
        )
        size = self.preprocessing.crop
        frames = tf.reshape(frames, tf.concat([shape, [size, size, 3]], 0))
        return self._answers(self._classify_any(self._normalize(frames)))

    def clip_from_examples(self, examples):
        """Answers for serialized `SequenceExample`s, string `[B]`.

        Each holds the JPEG files of a whole video as `data.records` writes them;
        `preprocessing.num_frames` frames are chosen as in evaluation.
        """
        chosen = tf.map_fn(self._choose_frames, examples, fn_output_signature=tf.string)
        return self.clip_from_images(chosen)

    def init_state(self, streams):
        """The state that streams start with.

        Args:
            streams: int32 `[B]`, one number per stream. Only their count matters.
        """
        batch = tf.shape(streams)[:1]
        return {
            name: tf.zeros(tf.concat([batch, zeros.shape[1:]], 0), zeros.dtype)
            for name, zeros in self._state_zeros.items()
        }

    def step(self, frames, **state):
        """Answers for the next frames of streams, and the state for the step after.

        Args:
            frames: uint8 `[B, k, H, W, 3]`.
            **state: What `init_state` or the step before returned under these names.
        """
        if frames.shape[0] is None:
            frames = _with_batch_of(frames, state)
        frames = self._prepare(frames)
        past = {key: state[name] for name, key in self._state_keys.items()}
        if self._gated is None:
            out, new = run_step(self._view, frames, past)
        else:
            out, new = self._gated.step(frames, past, outputs=_OUTPUTS)
        following = {name: new[key] for name, key in self._state_keys.items()}
        return {**self._answers(out), **following}

    def state_specs(self, batch_size=None):
        """`dict[str, tf.TensorSpec]` of the state; empty where there is no stream."""
        return {
            name: tf.TensorSpec([batch_size, *zeros.shape[1:]], zeros.dtype, name)
            for name, zeros in self._state_zeros.items()
        }

    def signatures(
        self, names=None, batch_size=None, num_frames=None, step_frames=None
    ):
        """Traces functions into graphs.

        Args:
            names: Which, by default all that the model and its input allow.
            batch_size, num_frames, step_frames: Fixed sizes; by default any.

        Returns:
            `dict[str, ConcreteFunction]`, each called with keyword arguments.

        Raises:
            ValueError: `names` has a stream's, and the model cannot stream.
        """
        size = self.preprocessing.crop if self.cropped else None
        specs = {
            "clip": {"frames": _frames(batch_size, num_frames, size)},
            "clip_from_images": {
                "image_bytes": tf.TensorSpec(
                    [batch_size, num_frames], tf.string, "image_bytes"
                )
            },
            "clip_from_examples": {
                "examples": tf.TensorSpec([batch_size], tf.string, "examples")
            },
            "init_state": {"streams": tf.TensorSpec([batch_size], tf.int32, "streams")},
            "step": {
                "frames": _frames(batch_size, step_frames, size),
                **self.state_specs(batch_size),
            },
        }
        if names is None:
            names = ["clip"]
            names += [] if self.cropped else ["clip_from_images", "clip_from_examples"]
            names += [] if self.no_stream else ["init_state", "step"]
        elif self.no_stream and {"init_state", "step"} & set(names):
            raise ValueError(f"{self.model.name} cannot stream: {self.no_stream}")
        return {
            name: tf.function(
                getattr(self, name), autograph=False
            ).get_concrete_function(**specs[name])
            for name in names
        }

    def _classify(self, frames):
        if self._gated is not None:
            return self._gated.clip(frames, _OUTPUTS)
        return self._view(frames, training=False)

    def _prepare(self, frames):
        if not self.cropped:
            shape = _with_frames(tf.shape(frames), 1)
            folded = tf.reshape(frames, tf.concat([[-1], shape[2:]], 0))
            images = self.preprocessing.resize_and_crop(folded)
            sizes = [self.preprocessing.crop] * 2 + [3]
            frames = tf.reshape(images, tf.concat([shape[:2], sizes], 0))
        return self._normalize(frames)

    def _normalize(self, frames):
        with tf.name_scope("preprocessing"):
            return self.preprocessing.normalize(frames)

    def _decode(self, image):
        frames = tf.io.decode_jpeg(image, 3)[None]
        return tf.cast(self.preprocessing.resize_and_crop(frames)[0], tf.uint8)

    def _choose_frames(self, example):
        feature = tf.io.FixedLenSequenceFeature([], tf.string)
        _, lists = tf.io.parse_single_sequence_example(
            example, sequence_features={records.FRAMES: feature}
        )
        images = lists[records.FRAMES]
        count = _with_frames(tf.shape(images), 0)[0]
        indices = self.sampler.clips(count, self.preprocessing.num_frames)[0]
        return tf.gather(images, indices)

    def _answers(self, out):
        with tf.name_scope("answers"):
            logits = out["logits"]
            classes = tf.argmax(logits, -1, output_type=tf.int32)
            answers = {
                "logits": logits,
                "probabilities": tf.nn.softmax(logits),
                "classes": classes,
                "gmacs": out["gmacs"],
            }
            if not self.cropped:
                answers["labels"] = tf.gather(tf.constant(self.labels), classes)
            if out["policies"]:
                answers.update(_actions(out["policies"][gate] for gate in self.gates))
            return answers


def _actions(policies):
    """Shares of the actions and the actions themselves, of one-hot policies."""
    one_hot = tf.unstack(tf.concat(list(policies), axis=2), axis=-1)
    answers = {
        f"{action}_share": tf.reduce_mean(taken, axis=(1, 2))
        for action, taken in zip(ACTIONS, one_hot, strict=True)
    }
    number = REUSE * one_hot[REUSE] + KEEP * one_hot[KEEP]
    return {**answers, "actions": tf.cast(number, tf.uint8)}


def _frames(batch_size, num_frames, size):
    return tf.TensorSpec([batch_size, num_frames, size, size, 3], tf.uint8, "frames")


def _with_frames(shape, axis):
    """`shape`, checked when the graph runs."""
    check = tf.debugging.assert_positive(
        shape[axis], "There must be at least one frame."
    )
    with tf.control_dependencies([check]):
        return tf.identity(shape)


def _with_batch_of(frames, state):
    """`frames`, checked when the graph runs."""
    batch = tf.shape(frames)[0]
    checks = [
        tf.debugging.assert_equal(
            tf.shape(value)[0], batch, f"As many streams as in `frames`: {name}"
        )
        for name, value in state.items()
    ]
    with tf.control_dependencies(checks):
        return tf.identity(frames)


def _state_name(key):
    # Names that every client can use for an argument.
    return STATE_PREFIX + key.replace("/", "_")


def _why_no_stream(model):
    for gate in model.gates.values():
        if not getattr(gate.policy, "streams", True):
            return f"{type(gate.policy).__name__} cannot stream"
    try:
        model.initial_state(1)
    except ValueError as error:
        return str(error)
    return None
