"""An experiment with an image network of Keras instead of a preset."""

import keras
import numpy as np
import pytest

from adafuse_tf.training import load_config
from adafuse_tf.training.model_dir import build_model

SIZES = "task.preprocessing={num_frames: 3, resize: 36, crop: 32}"


def config(image_model, arguments="{}", overrides="{}"):
    return load_config(
        overrides=[
            f"task.model.image_model={image_model}",
            f"task.model.image_model_args={arguments}",
            f"task.model.overrides={overrides}",
            SIZES,
        ]
    )


def test_it_is_made_for_the_frames_of_the_experiment():
    settings = config(
        "keras.applications.MobileNetV2",
        "{alpha: 0.35}",
        "{gates: all, shift: causal, hidden_units: 8}",
    )
    model = build_model(settings, 4)
    assert len(model.gates) == 17 and model.num_classes == 4
    assert model.input.shape == (None, None, 32, 32, 3)
    frames = np.zeros((1, 3, 40, 50, 3), "uint8")
    assert model(frames)["logits"].shape == (1, 4)
    assert settings.task.model.name == "keras.applications.MobileNetV2"


def test_precision_reaches_the_image_network():
    settings = config("adafuse_tf.networks.ResNet", "{depth: 18, width: 0.125}")
    half = settings.model_copy(
        update={
            "runtime": settings.runtime.model_copy(
                update={"mixed_precision_dtype": "mixed_bfloat16"}
            )
        }
    )
    model = build_model(half, 4)
    assert model.get_layer("stem_conv").compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    "name", ["os.system", "keras.applications.Nothing", "keras.applications", "ResNet"]
)
def test_only_what_makes_image_networks_is_called(name):
    with pytest.raises(ValueError, match=f"something that makes one.*'{name}'"):
        build_model(config(name), 4)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="MobileNetV2 cannot be made.*'depth'"):
        build_model(config("keras.applications.MobileNetV2", "{depth: 3}"), 4)
    with pytest.raises(ValueError, match="image_model_args go with image_model"):
        load_config(overrides=["task.model.image_model_args={alpha: 1}"])
