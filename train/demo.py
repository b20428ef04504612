"""The whole way on data made on the spot: videos, records, training, a table.

    python train/demo.py
    python train/demo.py --output_dir runs/demo

Trains TSN (averages frames), TSM and AdaFuse on eight camera moves and compares them,
then exports AdaFuse and streams a video through its .tflite. All that it makes is in
`--output_dir`, unless given `runs/demo` of the current folder.
"""

import os

from absl import flags

os.environ.setdefault("ADAFUSE_TF_LAZY", "1")  # `--help` does without TensorFlow

from adafuse_tf import cli

_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", "runs/demo", "Folder for everything; a former demo is replaced."
)
_PARAMS_OVERRIDE = flags.DEFINE_multi_string(
    "params_override", [], "Settings for all models, as train.py takes them."
)


@cli.script
def main():
    from adafuse_tf.export.demo import export_demo
    from adafuse_tf.training.demo import run_demo, table

    results = run_demo(_OUTPUT_DIR.value, overrides=_PARAMS_OVERRIDE.value)
    export_demo(_OUTPUT_DIR.value)
    print(f"\n{table(results)}\n")
    print(f"Policies: {_OUTPUT_DIR.value}/policies.png")


if __name__ == "__main__":
    main()
