"""Run an exported variant frame after frame, in either runtime.

Each has `start(position)`, `see(number)` of the frames of the next call, and `run()`,
which returns the GMACs of what it computed and hands the state on to the next call
without copying it.
"""

import time

import numpy as np


class LiteRTPlayer:
    """A .tflite with the signature `run`, XNNPACK on the CPU.

    Inputs and outputs are buffers of the caller: the state's change places after every
    call.
    """

    def __init__(self, variant, threads, frames):
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator
        from ai_edge_litert.options import CpuOptions, Options

        self._model = CompiledModel.from_file(
            variant["tflite"],
            options=Options(
                hardware_accelerators=HardwareAccelerator.CPU,
                cpu_options=CpuOptions(num_threads=threads),
            ),
        )
        self._details = self._model.get_input_tensor_details("run")
        names = self._model.get_signature_list()["run"]
        self._inputs = {
            name: self._model.create_input_buffer_by_name("run", name)
            for name in names["inputs"]
        }
        self._outputs = {
            name: self._model.create_output_buffer_by_name("run", name)
            for name in names["outputs"]
        }
        self._frames = frames

    def see(self, number):
        self._inputs["frames"].write(self._frames[number % len(self._frames)])

    def start(self, position):
        for name, buffer in self._inputs.items():
            if name != "frames":
                value = position if name == "drawn__frame" else 0
                details = self._details[name]
                buffer.write(np.full(details["shape"], value, details["dtype"]))

    def run(self):
        self._model.run_by_name("run", self._inputs, self._outputs)
        for name in self._inputs:
            if name in self._outputs:
                self._inputs[name], self._outputs[name] = (
                    self._outputs[name],
                    self._inputs[name],
                )
        if "gmacs" not in self._outputs:
            return None
        return float(self._outputs["gmacs"].read(1, np.float32)[0])


class InterpreterPlayer:
    """As `LiteRTPlayer` with the classic interpreter, which copies the little state.

    For whole clips: outputs that a loop computes cannot be the caller's buffers.
    """

    def __init__(self, variant, threads, frames):
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(variant["tflite"], num_threads=threads)
        self._call = self._interpreter.get_signature_runner("run")
        details = self._call.get_input_details()
        self._zeros = {
            name: np.zeros(detail["shape"], detail["dtype"])
            for name, detail in details.items()
            if name != "frames"
        }
        self._frames = frames

    def see(self, number):
        self._now = self._frames[number % len(self._frames)]

    def start(self, position):
        self._state = {
            name: value + (position if name == "drawn__frame" else 0)
            for name, value in self._zeros.items()
        }

    def run(self):
        outputs = self._call(frames=self._now, **self._state)
        self._state = {name: outputs.get(name, v) for name, v in self._state.items()}
        return float(outputs["gmacs"][0]) if "gmacs" in outputs else None


class TensorFlowPlayer:
    """A SavedModel with the signature `run`."""

    def __init__(self, variant, threads, frames):
        import tensorflow as tf

        self._tf = tf
        self._loaded = tf.saved_model.load(variant["saved_model"])
        self._call = self._loaded.signatures["run"]
        self._specs = dict(self._call.structured_input_signature[1])
        self._frames = [tf.constant(each) for each in frames]

    def see(self, number):
        self._now = self._frames[number % len(self._frames)]

    def start(self, position):
        self._state = {
            name: self._tf.zeros(spec.shape, spec.dtype)
            for name, spec in self._specs.items()
            if name != "frames"
        }
        if "drawn__frame" in self._state:
            self._state["drawn__frame"] = self._tf.fill((1, 1), float(position))

    def run(self):
        outputs = self._call(frames=self._now, **self._state)
        self._state = {name: outputs.get(name, v) for name, v in self._state.items()}
        # Reading a result waits for it.
        return float(outputs["gmacs"][0]) if "gmacs" in outputs else None


def play_in_turns(players, starts, repeats, clock=time.perf_counter):
    """Times every player once, then again, so that noise hits all alike.

    Args:
        players: `dict[str, player]`.
        starts: `dict[str, dict[mix, position]]` by player.
        repeats: Calls per player and mix.
        clock: Gives seconds.

    Returns:
        A list of `{"variant", "mix", "round", "ms": [...], "gmacs": [...]}`; a player
        with one mix plays it in every round.
    """
    records = []
    rounds = max(len(s) for s in starts.values())
    for i in range(rounds):
        current = {}
        for name, player in players.items():
            mixes = list(starts[name].items())
            if i < len(mixes) or len(mixes) == 1:
                mix, position = mixes[i if len(mixes) > 1 else 0]
                player.start(position)
                player.see(0)
                player.run()
                record = {"variant": name, "mix": mix, "round": i}
                record |= {"ms": [], "gmacs": []}
                current[name] = (player, record)
        for number in range(1, repeats + 1):
            for player, record in current.values():
                player.see(number)
                start = clock()
                gmacs = player.run()
                record["ms"].append(1e3 * (clock() - start))
                record["gmacs"].append(gmacs)
        records += [record for _, record in current.values()]
    return records
