"""A folder in a bucket, which another local folder stands for here."""

import pytest

from adafuse_tf import files
from adafuse_tf.training.mirror import Mirror


@pytest.fixture
def remote(tmp_path):
    return str(tmp_path / "remote")


def write(mirror, **contents):
    for name, text in contents.items():
        files.write_text(mirror.local / name.replace("__", "/"), text)


def contents(folder):
    start = len(str(folder)) + 1
    return {path[start:]: files.read_text(path) for path in files.walk_files(folder)}


def run_with_an_epoch(remote):
    mirror = Mirror(remote)
    write(mirror, checkpoints__last="weights 1", history="1")
    write(mirror, **{"state.h5": "1", "tensorboard__events": "1"})
    mirror.push()
    return mirror


def test_another_machine_goes_on_from_what_was_pushed(remote):
    mirror = run_with_an_epoch(remote)
    other = Mirror(remote)
    other.fetch()
    expected = contents(mirror.local)
    expected.pop("tensorboard/events")  # added to, never read
    assert contents(other.local) == expected


def test_only_what_has_changed_is_copied(remote, monkeypatch):
    mirror = run_with_an_epoch(remote)
    copied = []
    copy = files.copy

    def note(source, target):
        copied.append(str(target))
        copy(source, target)

    monkeypatch.setattr(files, "copy", note)
    mirror.push()
    assert not copied
    write(mirror, history="1 2")
    mirror.push()
    assert copied == [files.join(remote, "history.part")]
    other = Mirror(remote)
    other.fetch(["history"])
    copied.clear()
    other.fetch(["history"])
    other.push()
    assert not copied


def test_epoch_is_announced_after_its_files(remote, monkeypatch):
    mirror = Mirror(remote)
    write(mirror, **{"state.h5": "", "metrics.jsonl": "", "z/last.weights.h5": ""})
    opened = []
    open_file = files.open_file

    def note(path, mode="r"):
        if mode == "wb":
            opened.append(str(path)[len(remote) + 1 :].removesuffix(".part"))
        return open_file(path, mode)

    monkeypatch.setattr(files, "open_file", note)
    mirror.push()
    assert opened == ["z/last.weights.h5", "metrics.jsonl", "state.h5"]


def test_what_is_gone_here_goes_there(remote):
    mirror = run_with_an_epoch(remote)
    assert "state.h5" in files.list_dir(remote)
    (mirror.local / "state.h5").unlink()
    mirror.push()
    assert "state.h5" not in files.list_dir(remote)
    # But not what was there and was never asked for.
    files.write_text(files.join(remote, "note.txt"), "mine")
    mirror.push()
    assert "note.txt" in files.list_dir(remote)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_interrupted_upload_leaves_a_state_to_resume_from(scheme, remote, monkeypatch):
    for name in ("checkpoints", "tensorboard"):  # buckets have no folders to make
        files.make_dirs(files.join(remote, name))
    remote = scheme + remote
    mirror = run_with_an_epoch(remote)
    write(mirror, **{"state.h5": "2", "checkpoints__last": "weights 2"})
    copy = files.copy

    def fail(source, target):
        if "state.h5" in target:
            files.write_text(target, "half of")
            raise OSError("the network is gone")
        copy(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(files, "copy", fail)
        with pytest.raises(OSError, match="network"):
            mirror.push()
    other = Mirror(remote)
    other.fetch()
    assert files.read_text(other.local / "state.h5") == "1"
    mirror.push()
    assert files.read_text(files.join(remote, "state.h5")) == "2"
    assert not [name for name in files.list_dir(remote) if "part" in name]


def test_files_asked_for_need_not_exist(remote):
    mirror = run_with_an_epoch(remote)
    other = Mirror(remote)
    other.fetch(["history", "checkpoints/best"])
    assert contents(other.local) == {"history": "1"}
    local = mirror.local
    del mirror
    assert not local.exists()
