"""Times variants in a process of its own: threads are set before a runtime starts.

    python -m adafuse_tf.benchmarks.latency.worker job.json

Writes the records to the job's `output`.
"""

import json
import sys
from pathlib import Path

import numpy as np

from adafuse_tf.benchmarks.latency.players import (
    InterpreterPlayer,
    LiteRTPlayer,
    TensorFlowPlayer,
    play_in_turns,
)


def main(path):
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    threads = job["threads"]
    if job["runtime"] == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        player = TensorFlowPlayer
    else:
        player = LiteRTPlayer if job["form"] == "step" else InterpreterPlayer
    rng = np.random.default_rng(0)
    players, starts = {}, {}
    for variant in job["variants"]:
        if variant["inputs"]:
            frames = np.load(variant["inputs"])
        else:
            shape = (1, 1, variant["frames"], job["size"], job["size"], 3)
            frames = rng.normal(size=shape).astype("float32")
        players[variant["name"]] = player(variant, threads, frames)
        starts[variant["name"]] = variant["starts"]
    records = play_in_turns(players, starts, job["repeats"])
    Path(job["output"]).write_text(json.dumps(records), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
