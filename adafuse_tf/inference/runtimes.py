"""What runs an exported model: TensorFlow or LiteRT, behind the same signatures."""

import collections
import contextlib
import dataclasses
import functools
import threading

import numpy as np
import tensorflow as tf

from adafuse_tf.inference.answers import STATE_PREFIX


class ExportedModel:
    """A model behind named signatures, whatever runs it.

    An opened model remembers nothing of its calls: any number of threads may call it
    and any number of `VideoStream`s share it, with the answers of one after the other.

    Args:
        name: What to call it in messages.
        card: A `ModelCard`.
        inputs: Per signature, `dict[str, tf.TensorSpec]` of its inputs by name.

    Subclasses compute, in `_compute(signature, inputs)`, which threads call at once.
    """

    def __init__(self, name, card, inputs):
        self.name = name
        self.card = card
        self.inputs = inputs

    def run(self, signature: str, **inputs) -> dict[str, np.ndarray]:
        """Calls a signature.

        Args:
            signature: `"clip"`, `"clip_from_images"`, `"clip_from_examples"`,
                `"init_state"` or `"step"`, see `Answers`; which there are depends on
                the model and the format.
            **inputs: Arrays by the names of the signature's inputs.

        Returns:
            Arrays by the names of the outputs.

        Raises:
            ValueError: An unknown signature; an input that is missing, unknown, of
                another shape or without frames; bytes that are no image or example.
            TypeError: An input of another dtype.
        """
        if signature not in self.inputs:
            raise ValueError(
                f"{self.name} has the signatures {sorted(self.inputs)}. "
                f"Received: signature={signature!r}"
            )
        return self._compute(signature, self._checked(signature, inputs))

    def new_state(self) -> dict[str, np.ndarray]:
        """The state that a single stream starts with."""
        return self.run("init_state", streams=np.zeros(1, np.int32))

    def _checked(self, signature, inputs):
        specs = self.inputs[signature]
        missing, unknown = sorted(set(specs) - set(inputs)), set(inputs) - set(specs)
        if missing or unknown:
            state = any(n.startswith(STATE_PREFIX) for n in [*missing, *unknown])
            raise ValueError(
                f"'{signature}' of {self.name} takes {sorted(specs)}"
                f"{'; the state seems to be of another model' if state else ''}. "
                f"Received: {sorted(inputs)}"
            )
        checked = {}
        for name, spec in specs.items():
            # Arrays of bytes would lose zeros at their end.
            text = object if spec.dtype == tf.string else None
            value = np.asarray(inputs[name], text)
            same = value.dtype == spec.dtype.as_numpy_dtype or (
                spec.dtype == tf.string and value.dtype.kind in "OSU"
            )
            if not same:
                raise TypeError(
                    f"`{name}` of '{signature}' must be {spec.dtype.name}. "
                    f"Received: dtype={value.dtype}"
                )
            if not spec.shape.is_compatible_with(value.shape) or 0 in value.shape:
                raise ValueError(
                    f"`{name}` of '{signature}' must have shape "
                    f"{_shape_text(spec.shape)}, at least 1 each"
                    f"{_hint(name)}. Received: shape={value.shape}"
                )
            checked[name] = value
        counts = {name: len(value) for name, value in checked.items()}
        if len(set(counts.values())) > 1:
            raise ValueError(
                f"All inputs of '{signature}' must be of as many streams. "
                f"Received: {counts}"
            )
        return checked


class Graphs(ExportedModel):
    """Concrete functions of TensorFlow."""

    def __init__(self, name, card, functions):
        inputs = {
            key: {
                spec.name: spec
                for spec in tf.nest.flatten(function.structured_input_signature)
            }
            for key, function in functions.items()
        }
        super().__init__(name, card, inputs)
        self._functions = functions

    def _compute(self, signature, inputs):
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        try:
            outputs = self._functions[signature](**tensors)
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                f"'{signature}' cannot read what it was given: {_core(error)} "
                f"Received: {', '.join(inputs)}"
            ) from error
        return {name: value.numpy() for name, value in outputs.items()}


class LiteRT(ExportedModel):
    """The content of a .tflite file.

    An interpreter has only one set of tensors, shared by all its signatures, and
    computes without Python's lock: of two calls at once, each would overwrite the
    other's. So every call borrows an interpreter that no other has.

    The content is kept in memory, although a path would save reading it once: the later
    interpreters must be of the same model when the file has been replaced since.

    Args:
        name, card: See `ExportedModel`.
        content: Bytes.
        num_threads: Threads per interpreter.
        max_interpreters: How many there are at most. A call that finds all of them in
            use waits.
    """

    def __init__(self, name, card, content, num_threads, max_interpreters):
        self._open = functools.partial(_open_litert, content, num_threads)
        self._free = threading.Semaphore(max_interpreters)
        first = self._open()
        self._idle = collections.deque([first])
        inputs = {
            key: {
                name: tf.TensorSpec(detail["shape"], detail["dtype"], name)
                for name, detail in runner.get_input_details().items()
            }
            for key, runner in first.runners.items()
        }
        super().__init__(name, card, inputs)

    def _compute(self, signature, inputs):
        with self._borrowed() as opened:
            return opened.runners[signature](**inputs)

    @contextlib.contextmanager
    def _borrowed(self):
        with self._free:
            # Of those that are free, the one used last: its memory is still in caches.
            # Where none is idle there are fewer than may be.
            try:
                opened = self._idle.pop()
            except IndexError:
                opened = self._open()
            try:
                yield opened
            finally:
                self._idle.append(opened)


@dataclasses.dataclass(frozen=True)
class _OpenedLiteRT:
    """An interpreter, which must stay alive as long as its runners."""

    interpreter: object
    runners: dict


def _open_litert(content, num_threads):
    interpreter = litert_interpreter()(model_content=content, num_threads=num_threads)
    keys = interpreter.get_signature_list()
    runners = {key: interpreter.get_signature_runner(key) for key in keys}
    return _OpenedLiteRT(interpreter, runners)


def litert_interpreter():
    """LiteRT's `Interpreter`.

    Raises:
        ImportError: LiteRT is not installed.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ImportError(
            "Running a .tflite needs LiteRT: pip install 'adafuse_tf[litert]'"
        ) from error
    return Interpreter


def _core(error):
    """What went wrong in a graph, without where in it."""
    before, *_ = error.message.partition("[[{{node")
    return before.strip().splitlines()[-1].strip()


def _shape_text(shape):
    sizes = ["any" if size is None else str(size) for size in shape]
    return f"[{', '.join(sizes)}]"


def _hint(name):
    if name == "frames":
        return " (streams or clips, frames, height, width, RGB)"
    return "; it belongs to another model or batch" if STATE_PREFIX in name else ""
