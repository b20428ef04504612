"""From the folder of a run to files, and a video through them."""

import json
import shutil
import sys

import av
import pytest

from adafuse_tf.export import export_model_dir
from adafuse_tf.export.demo import export_demo
from adafuse_tf.inference import VideoStream, open_exported
from adafuse_tf.inference.model_card import ModelCard
from adafuse_tf.training import (
    evaluation_sampler,
    load_config,
    load_trained,
    predict_videos,
    predict_videos_with_export,
)
from adafuse_tf.training.checkpoints import save_weights
from adafuse_tf.training.config_loading import save_config
from tests.export.tiny import FRAMES, LABELS, SIZE, camera, tiny_classifier
from tests.training.conftest import write_records


@pytest.fixture
def output_dir(tmp_path, monkeypatch):
    """What a demo leaves behind, with a tiny model."""
    records = write_records(tmp_path / "records", {"train": 1, "validation": 1}, LABELS)
    run = tmp_path / "adafuse"
    run.mkdir()
    sizes = f"{{num_frames: {FRAMES}, resize: {SIZE + 4}, crop: {SIZE}}}"
    config = load_config(
        overrides=[f"task.data_dir={records}", f"task.preprocessing={sizes}"]
    )
    save_config(config, run / "params.yaml")
    (run / "labels.json").write_text(json.dumps(LABELS))
    save_weights(tiny_classifier(), run / "checkpoints" / "last.weights.h5")
    monkeypatch.setattr(
        "adafuse_tf.training.model_dir.build_model", lambda *_: tiny_classifier()
    )
    videos = tmp_path / "camera_moves"
    videos.mkdir()
    with av.open(str(videos / "v.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height = stream.width = 32
        stream.pix_fmt = "yuv420p"
        for frame in camera(8, 32, 32):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode(None))
    shutil.copy(videos / "v.mp4", videos / "w.mp4")
    (videos / "manifest.csv").write_text(
        "path,label,split\nv.mp4,up,validation\nw.mp4,up,train\n"
    )
    return tmp_path


def test_the_end_of_the_demo(output_dir, capsys):
    exported = output_dir / "exported"
    (exported / "camera_moves" / "1").mkdir(parents=True)  # from an earlier run
    export = export_demo(output_dir)
    assert export.paths == {
        "saved_model": exported / "camera_moves" / "2",
        "tflite": exported / "camera_moves.tflite",
    }
    assert sorted(path.name for path in exported.iterdir()) == [
        "camera_moves", "camera_moves.json", "camera_moves.tflite",
    ]  # fmt: skip
    assets = exported / "camera_moves" / "2" / "assets"
    params = (output_dir / "adafuse" / "params.yaml").read_text()
    assert (assets / "params.yaml").read_text() == params
    for card in (
        ModelCard.from_json((assets / "model.json").read_text(), assets),
        open_exported(export.paths["tflite"]).card,
    ):
        assert card.labels == LABELS and card.preprocessing.crop == SIZE
        assert card.gates == {"stage1_block0": 8, "stage2_block0": 16}
    report = json.loads((exported / "camera_moves.json").read_text())["agreement"]
    for signature in ("clip", "step"):
        found = report["tflite"][signature]
        assert found["decisions"] == 1.0 and found["probability"] < 1e-5
        assert found["num_clips"] == len(LABELS)
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("frame ") for line in lines) == FRAMES
    assert "v.mp4: " in lines[-1] and "after 4 frames" in lines[-1]


def test_the_clips_are_chosen_as_in_the_run(output_dir):
    """What the run's evaluation would take: a dense clip here."""
    run, exported = output_dir / "adafuse", output_dir / "exported"
    config = load_config(
        config_files=[run / "params.yaml"],
        overrides=["task.validation_data.sampler={type: dense, stride: 2}"],
    )
    save_config(config, run / "params.yaml")
    export = export_model_dir(run, exported)
    video = str(output_dir / "camera_moves" / "v.mp4")
    trained, sampler = load_trained(run), evaluation_sampler(config.task)
    (wanted,) = predict_videos(*trained, [video], sampler=sampler)
    (segments,) = predict_videos(*trained, [video])
    assert wanted.top != segments.top
    for path in export.paths.values():
        (found,) = predict_videos_with_export(open_exported(path), [video])
        assert [label for label, _ in found.top] == [label for label, _ in wanted.top]
        for (_, share), (_, expected) in zip(found.top, wanted.top, strict=True):
            assert share == pytest.approx(expected, abs=1e-4)


def test_what_was_found_out_of_other_formats_stays(output_dir):
    run, exported = output_dir / "adafuse", output_dir / "exported"
    for formats in (["tflite"], ["tflite_float16"]):
        export_model_dir(run, exported, formats=formats)
    report = json.loads((exported / "adafuse.json").read_text())["agreement"]
    assert set(report) == {"tflite", "tflite_float16"}


def test_streams_with_a_window_are_compared_with_such_streams(output_dir):
    run, exported = output_dir / "adafuse", output_dir / "exported"
    export = export_model_dir(run, exported, formats=["tflite"], window=1)
    for agreement in export.agreement["tflite"].values():
        assert agreement.top1 == 1.0 and agreement.probability < 1e-5
    size = VideoStream(export.paths["tflite"]).state_bytes
    assert f"State of one stream: {size:,} bytes in litert" in str(export)


def test_channels_decide_in_groups(output_dir):
    run, exported = output_dir / "adafuse", output_dir / "exported"
    formats = ["saved_model"]
    export = export_model_dir(run, exported, formats=formats, group_size=4)
    assert "In groups of 4 channels: " in str(export)
    assert "% of the answers as before" in str(export) and "top-1" in str(export)
    opened = open_exported(export.paths["saved_model"])
    actions = opened.run("clip", frames=camera(1, FRAMES, SIZE, SIZE))["actions"]
    groups = actions.reshape(FRAMES, -1, 4)
    assert (groups == groups[..., :1]).all() and len(set(groups.ravel())) > 1


def test_groups_need_records(output_dir):
    shutil.rmtree(output_dir / "records")
    with pytest.raises(ValueError, match="`group_size` needs records"):
        export_model_dir(output_dir / "adafuse", output_dir / "exported", group_size=4)


def test_without_litert_it_says_what_is_left_out(output_dir, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    export = export_model_dir(output_dir / "adafuse", output_dir / "exported")
    assert set(export.paths) == {"saved_model", "tflite"} and not export.agreement
    assert "pip install 'adafuse_tf[litert]'" in str(export)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gated": True, "formats": ["tflite_int8"]}, "does not support the branches"),
        ({"formats": ["tflite", "tflite"]}, "`formats` must name each once"),
        ({"formats": ["saved_model"], "num_clips": 32}, "`num_clips` count with"),
        ({"formats": ["saved_model"], "data_dir": "x"}, "`data_dir` and.*count with"),
        ({"num_clips": 0}, "`num_clips` must be >= 1"),
        ({"name": "../up"}, "`name` must be a plain name"),
        ({"data_dir": "nowhere"}, "nowhere"),
        ({"export_dir": "s3://bucket/models"}, "`export_dir` must be a local folder"),
    ],
)
def test_nothing_is_written_for_wrong_options(output_dir, options, message):
    options = {"export_dir": output_dir / "exported", **options}
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        export_model_dir(output_dir / "adafuse", **options)
    assert not (output_dir / "exported").exists()


def test_int8_needs_records(output_dir):
    shutil.rmtree(output_dir / "records")
    with pytest.raises(ValueError, match="tflite_int8 needs records.*records'"):
        export_model_dir(
            output_dir / "adafuse", output_dir / "exported", formats=["tflite_int8"]
        )
    assert not (output_dir / "exported").exists()
