"""Every mistake gets one clear line."""

import json
import shutil
import zipfile

import numpy as np
import pytest

from adafuse_tf.export import export_model_dir, write_saved_model
from adafuse_tf.inference import VideoStream, as_exported, open_exported
from adafuse_tf.training import ModelDirError
from tests.export.tiny import FRAMES, LABELS, SIZE, camera, tiny_classifier

FRAME = camera(1, 1, SIZE, SIZE)


@pytest.fixture(scope="module", params=["saved_model", "float32"])
def opened(request, exports):
    return open_exported(getattr(exports, request.param))


def one_line(error):
    return "\n" not in str(error.value) and "Received" in str(error.value)


def test_state_of_another_model(opened):
    state = opened.new_state()
    name = next(name for name in state if name.endswith("history"))
    missing = {key: value for key, value in state.items() if key != name}
    with pytest.raises(ValueError, match="seems to be of another model") as error:
        opened.run("step", frames=FRAME, **missing)
    assert one_line(error)
    larger = {**state, name: np.zeros((1, 9, 9, 8), "float32")}
    with pytest.raises(ValueError, match=f"`{name}`.*belongs to another") as error:
        opened.run("step", frames=FRAME, **larger)
    assert one_line(error)


def test_state_of_another_number_of_streams(exports):
    opened = open_exported(exports.saved_model)
    two = opened.run("init_state", streams=np.zeros(2, "int32"))
    with pytest.raises(ValueError, match="as many streams") as error:
        opened.run("step", frames=FRAME, **two)
    assert one_line(error)


def test_damaged_saved_model(exports, tmp_path):
    for name, message in (
        ("saved_model.pb", "TensorFlow cannot open"),
        ("variables/variables.index", "TensorFlow cannot open"),
        ("assets/model.json", "model.json is damaged"),
    ):
        copy = tmp_path / name.replace("/", "_")
        shutil.copytree(exports.saved_model, copy)
        (copy / name).write_bytes((copy / name).read_bytes()[:20])
        with pytest.raises(ValueError, match=message) as error:
            open_exported(copy)
        assert "\n" not in str(error.value)


def test_foreign_model_cards(exports, tmp_path):
    saved_model = tmp_path / "saved_model"
    shutil.copytree(exports.saved_model, saved_model)
    card = saved_model / "assets" / "model.json"
    good = json.loads(card.read_text())
    crop = good["preprocessing"] | {"crop": "all"}
    for content, message in (
        (b"\xff", "decode"),
        (b"[]", "no proper labels, preprocessing, gates, cropped, no_stream, sampler"),
        (b"{}", "no proper labels, preprocessing, gates, cropped, no_stream, sampler"),
        ({**good, "gates": None}, "no proper gates"),
        ({**good, "preprocessing": crop}, "`crop` must be an int"),
        ({**good, "sampler": {"stride": 0}}, "`stride` must be >= 1"),
        ({**good, "sampler": {"pace": 1}}, "pace"),
    ):
        if isinstance(content, dict):
            content = json.dumps(content).encode()
        card.write_bytes(content)
        litert = tmp_path / "foreign.tflite"
        with zipfile.ZipFile(litert, "w") as file:
            file.writestr("model.json", content)
        for path in (saved_model, litert):
            with pytest.raises(ValueError, match=message) as error:
                open_exported(path)
            assert one_line(error) and str(path) in str(error.value)


def test_view_of_another_model(exports, tmp_path):
    class View:
        model = tiny_classifier()

    with pytest.raises(ValueError, match="a view of the model"):
        write_saved_model(exports.model, LABELS, tmp_path / "1", gated=View())


def test_wrong_frames(opened):
    with pytest.raises(TypeError, match="`frames`.* must be uint8.*float32") as error:
        opened.run("clip", frames=np.zeros((1, FRAMES, SIZE, SIZE, 3), "float32"))
    assert one_line(error)
    for shape in ((1, 0, SIZE, SIZE, 3), (FRAMES, SIZE, SIZE, 3)):
        with pytest.raises(ValueError, match="`frames` of 'clip' must have") as error:
            opened.run("clip", frames=np.zeros(shape, "uint8"))
        assert one_line(error)
    with pytest.raises(ValueError, match=r"\['frames'\]. Received: \['clips'\]"):
        opened.run("clip", clips=FRAME)
    with pytest.raises(ValueError, match="has the signatures.*'serve'"):
        opened.run("serve", frames=FRAME)


def test_bytes_that_are_no_video(exports):
    opened = open_exported(exports.saved_model)
    for signature, inputs, message in (
        ("clip_from_images", {"image_bytes": [[b"no"]]}, "Unknown image file format"),
        ("clip_from_examples", {"examples": [b"no"]}, "Invalid protocol message"),
        ("clip_from_examples", {"examples": [b""]}, "'image/encoded' is required"),
    ):
        with pytest.raises(ValueError, match=f"cannot read.*{message}") as error:
            opened.run(signature, **inputs)
        assert one_line(error) and "node" not in str(error.value)


def test_another_size_where_it_is_fixed(exports):
    opened = open_exported(exports.float32)
    clip = camera(1, FRAMES, SIZE, SIZE + 1)
    with pytest.raises(ValueError, match=r"\[1, 4, 16, 16, 3\].*17") as error:
        opened.run("clip", frames=clip)
    assert one_line(error)


def test_no_frames_in_plain_tensorflow(exports):
    import tensorflow as tf

    call = tf.saved_model.load(exports.saved_model).signatures["serving_default"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least one frame"):
        call(frames=tf.zeros([1, 0, SIZE, SIZE, 3], tf.uint8))


def test_files_that_are_no_exports(exports, tmp_path):
    whole = exports.float32.read_bytes()
    for name, content in (("cut", whole[:-2000]), ("half", whole[: len(whole) // 2]),
                          ("empty", b""), ("text", b"hello")):  # fmt: skip
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="cut short, or not a .tflite") as error:
            open_exported(path)
        assert one_line(error)
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(b"\0" * 64 + whole[64:])
    with pytest.raises(ValueError, match="LiteRT cannot open"):
        open_exported(damaged)
    with pytest.raises(FileNotFoundError, match="no exported model"):
        open_exported(tmp_path / "absent")
    with pytest.raises(ValueError, match="Not a SavedModel of") as error:
        open_exported(tmp_path)
    assert one_line(error)


def test_remote_files_are_refused():
    with pytest.raises(ValueError, match="must be a local.*'gs://b/x.tflite'") as error:
        open_exported("gs://b/x.tflite")
    assert one_line(error)


def test_threads(exports):
    with pytest.raises(ValueError, match="count with a .tflite only.*2") as error:
        open_exported(exports.saved_model, 2)
    assert one_line(error)
    with pytest.raises(ValueError, match="`num_threads` must be a positive"):
        open_exported(exports.float32, 0)


def test_an_empty_version_hides_no_other(exports, tmp_path):
    shutil.copytree(exports.saved_model, tmp_path / "1")
    (tmp_path / "2").mkdir()
    assert open_exported(tmp_path).name == str(tmp_path / "1")


def test_exporting_what_is_not_trained(tmp_path):
    with pytest.raises(ModelDirError, match="No model_dir of train/train.py"):
        export_model_dir(tmp_path / "nothing", tmp_path / "out")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "params.yaml").write_text("{}")
    (tmp_path / "run" / "labels.json").write_text('["a", "b"]')
    with pytest.raises(ModelDirError, match="no checkpoint 'last' yet") as error:
        export_model_dir(tmp_path / "run", tmp_path / "out")
    assert one_line(error)
    with pytest.raises(ValueError, match="`formats` must be some of.*onnx"):
        export_model_dir(tmp_path / "run", tmp_path / "out", formats=["onnx"])
    assert not (tmp_path / "out").exists()


def test_labels_and_versions(exports, tmp_path):
    with pytest.raises(ValueError, match="must name the model's 3 classes"):
        write_saved_model(exports.model, LABELS[:2], tmp_path / "1")
    with pytest.raises(FileExistsError, match="not replaced"):
        write_saved_model(exports.model, LABELS, exports.saved_model)


def test_streams_that_cannot_be(exports):
    with pytest.raises(ValueError, match="cannot stream.*needs the next frame"):
        VideoStream(tiny_classifier(shift="bidirectional", gated=False))
    with pytest.raises(ValueError, match="one stream at a time.*exported for 2"):
        VideoStream(exports.fused_pair)
    with pytest.raises(ValueError, match="`window` is for streams.*window=2") as error:
        shifted = tiny_classifier(shift="bidirectional", gated=False)
        as_exported(shifted, window=2, names=["clip"])
    assert one_line(error)
    stream = VideoStream(exports.float32)
    for frames in (np.zeros((4, 4), "uint8"), np.zeros((0, 8, 8, 3), "uint8")):
        with pytest.raises(ValueError, match="at least one. Received") as error:
            stream.push(frames)
        assert one_line(error)
    with pytest.raises(TypeError, match="must be uint8"):
        stream.push(np.zeros((8, 8, 3)))
