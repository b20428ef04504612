"""Whether the workaround is still needed."""

from tests.training.conftest import write_records
from tests.training.processes import two_workers


def test_keras_still_asks_for_what_tensorflow_refuses(tmp_path, monkeypatch):
    monkeypatch.setenv("PLAIN_STRATEGY", "1")
    records = write_records(tmp_path / "records", {"train": 2, "validation": 1})
    results = two_workers(records, tmp_path / "run", {})
    assert all(code != 0 for code, _ in results), (
        "Keras works without adafuse_tf/training/keras_20585.py now: delete that file "
        "and this one, and build TensorFlow's own strategy in runtime.py."
    )
    assert any("PerReplica" in said for _, said in results), results
