"""Programs that know TensorFlow or LiteRT and nothing else, run by themselves.

    python plain_clients.py saved_model|litert MODEL IN.npz OUT.npz

`IN.npz` holds inputs as `<signature>.<input>`, clips for the signature `stream` that
are to be run frame by frame as `stream.frames`. A prefix `<name>:` keeps calls apart.
`OUT.npz` holds what came back as `<key>.<output>`.
"""

import sys

import numpy as np


def load_saved_model(path):
    import tensorflow as tf

    loaded = tf.saved_model.load(path)

    def call(signature, inputs):
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        outputs = loaded.signatures[signature](**tensors)
        return {name: value.numpy() for name, value in outputs.items()}

    return call


def load_litert(path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path)

    def call(signature, inputs):
        return interpreter.get_signature_runner(signature)(**inputs)

    return call


def stream(call, frames, lengths):
    state = call("init_state", {"streams": np.zeros(len(frames), np.int32)})
    start, gmacs = 0, 0.0
    for length in lengths:
        part = frames[:, start : start + length]
        outputs = call("step", {"frames": part, **state})
        state = {k: v for k, v in outputs.items() if k.startswith("state_")}
        start, gmacs = start + length, gmacs + outputs["gmacs"]
    answers = {k: v for k, v in outputs.items() if not k.startswith("state_")}
    return {"logits": answers["logits"], "gmacs": gmacs}


def main(kind, path, source, target):
    call = load_saved_model(path) if kind == "saved_model" else load_litert(path)
    calls = {}
    for key, value in np.load(source).items():
        call_key, name = key.rsplit(".", 1)
        calls.setdefault(call_key, {})[name] = value
    results = {}
    for key, inputs in calls.items():
        signature = key.split(":")[-1]
        if signature == "stream":
            outputs = stream(call, inputs["frames"], inputs["lengths"])
        else:
            outputs = call(signature, inputs)
        results.update({f"{key}.{name}": value for name, value in outputs.items()})
    loaded = {name.split(".")[0] for name in sys.modules}
    assert not loaded & {"adafuse_tf", "keras"} or kind == "saved_model"
    assert "adafuse_tf" not in loaded
    results = {k: v.astype(str) if v.dtype == object else v for k, v in results.items()}
    np.savez(target, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
