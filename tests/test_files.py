"""Paths and URLs; buckets and web servers are in `tests/io`."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from adafuse_tf import LAZY, cli, files
from adafuse_tf.storage import file_systems

ROOT = Path(__file__).parents[1]
SCRIPTS = {
    "train": ["--model_dir=x", "--params_override=task.data_dir=s3://bucket/d"],
    "prepare_data": ["--manifest=s3://bucket/m.csv", "--output_dir=x"],
    "evaluate": ["--model_dir=s3://bucket/run", "--input_path=x"],
}


def test_urls_are_joined_and_split_with_slashes():
    assert files.join("s3://bucket", "a", "b.txt") == "s3://bucket/a/b.txt"
    assert files.parent("s3://bucket/a/b.txt") == "s3://bucket/a"
    assert files.join("a", "b") == os.path.join("a", "b")
    assert files.is_remote("hdfs://host/a") and not files.is_remote("a:/b")
    assert files.can_list("s3://bucket") and not files.can_list("https://host/a")


def test_local_files(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    files.write_text(path, "Grüße\n")
    files.write_text(tmp_path / "deep" / "b.txt", "")
    assert files.read_text(path) == "Grüße\n"
    assert files.is_file(path) and files.is_dir(path.parent)
    assert not files.is_file(path.parent) and not files.is_dir(path)
    assert files.list_dir(path.parent) == ["a.txt", "b.txt"]
    assert list(files.walk_files(tmp_path)) == files.glob(tmp_path / "deep" / "*")
    files.copy(path, tmp_path / "new" / "c.txt")
    files.replace(tmp_path / "new" / "c.txt", tmp_path / "deep" / "b.txt")
    assert files.read_text(tmp_path / "deep" / "b.txt") == "Grüße\n"
    files.remove(path)
    files.remove(path)
    assert files.list_dir(path.parent) == ["b.txt"]
    files.make_dirs(tmp_path / "x" / "y")
    files.make_dirs(tmp_path / "x" / "y")
    with files.local_copy(tmp_path) as same:
        assert same == str(tmp_path)


def test_records_are_written(tmp_path):
    import tensorflow as tf

    path = tmp_path / "a.tfrecord"
    with files.record_writer(path) as writer:
        writer.write(b"1")
        writer.write(b"2")
    assert list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator()) == [b"1", b"2"]


def test_records_that_cannot_be_written_are_named_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "a.tfrecord"
    with pytest.raises(OSError, match=f"Cannot access '{path}': .*") as caught:
        with files.record_writer(path) as writer:
            writer.write(b"1")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error, text",
    [("PermissionDeniedError", "No access to"), ("UnknownError", "Cannot access")],
)
@pytest.mark.parametrize("method", ["write", "close"])
def test_refusal_while_writing_records(
    tmp_path, monkeypatch, capsys, error, text, method
):
    import tensorflow as tf

    def refuse(self, *_):
        kind = getattr(tf.errors, error)
        raise kind(None, None, "AccessDenied:\n Access Denied")

    monkeypatch.setattr(tf.io.TFRecordWriter, method, refuse)
    path = str(tmp_path / "a.tfrecord")
    with pytest.raises(SystemExit), cli.one_line_errors():
        with files.record_writer(path) as writer:
            writer.write(b"1")
    line = f"Error: {text} {path!r}: AccessDenied: Access Denied\n"
    assert capsys.readouterr().err == line


def test_local_files_do_without_tensorflow(tmp_path):
    code = (
        "import sys; from adafuse_tf import files; "
        f"files.write_text({str(tmp_path / 'a')!r}, 'x'); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    environment = {**os.environ, LAZY: "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment)
    assert done.returncode == 0


def test_a_worker_reads_before_the_others_are_there(tmp_path):
    # Its strategy must come before the first operation of TensorFlow.
    (tmp_path / "a").write_text("x")
    code = (
        "from adafuse_tf import files\n"
        f"assert files.read_text('file://{tmp_path}/a') == 'x'\n"
        f"files.copy('file://{tmp_path}/a', {str(tmp_path / 'b')!r})\n"
        "from adafuse_tf.training.config import RuntimeConfig\n"
        "from adafuse_tf.training.runtime import build_strategy\n"
        "config = RuntimeConfig(distribution_strategy='multi_worker_mirrored')\n"
        "assert build_strategy(config).num_replicas_in_sync == 1\n"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    task = {"type": "worker", "index": 0}
    config = json.dumps({"cluster": {"worker": [address]}, "task": task})
    environment = {**os.environ, "TF_CONFIG": config}
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, cwd=ROOT, env=environment).returncode == 0
    assert (tmp_path / "b").read_text() == "x"


def test_scheme_without_a_file_system():
    with pytest.raises(file_systems.MissingFileSystemError) as caught:
        files.exists("nope://bucket/key")
    message = str(caught.value)
    for part in (
        "nope:// paths",
        "pip install 'adafuse_tf[io]'",
        "TensorFlow 2.17",
        "Python 3.12 at most",
        f"Here are Python {sys.version.split()[0]}, tensorflow 2.",
        "Received: 'nope://bucket/key'",
    ):
        assert part in message
    assert "\n" not in message


def test_scripts_say_what_a_bucket_needs(tmp_path):
    try:
        file_systems.require_scheme("s3://bucket")
    except file_systems.MissingFileSystemError:
        pass
    else:
        pytest.skip("here tensorflow-io reads s3://")
    runs = {}
    for name, arguments in SCRIPTS.items():
        script = ROOT / "train" / f"{name}.py"
        runs[name] = subprocess.Popen(
            [sys.executable, str(script), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    for name, run in runs.items():
        output, errors = run.communicate()
        assert run.returncode == 2, (name, errors)
        assert "Error: s3:// paths need tensorflow-io" in errors, (name, errors)
        assert "Traceback" not in errors and not output, name
