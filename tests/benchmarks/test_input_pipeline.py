import json

from adafuse_tf.benchmarks import input_pipeline
from adafuse_tf.data import Preprocessing
from adafuse_tf.data.camera_moves import write_camera_moves


def test_measures_all_in_one_run_and_names_the_machine(tmp_path):
    manifest = write_camera_moves(tmp_path / "videos", 8, 0, num_frames=12, size=64)
    text = input_pipeline.run(
        str(tmp_path / "work"),
        str(tmp_path / "out"),
        str(manifest),
        rounds=1,
        train_steps=1,
        soak_minutes=0.02,
        preprocessing=Preprocessing(4, 40, 32),
    )
    assert (tmp_path / "out" / "data.md").read_text() == text + "\n"
    found = json.loads((tmp_path / "out" / "data.json").read_text())
    assert found["clips"] == 8 and found["machine"]["processor"]
    names = {rate["name"] for rate in found["rates"]}
    assert names >= {rate["base"] for rate in found["rates"]}
    for rate in found["rates"]:
        assert rate["cpu_seconds_per_clip"] > 0 and rate["clips_per_second"] > 0
        assert rate["name"] in text
    assert 0 < found["share_of_wait"] < 1
    assert len(found["memory"]) > 1
