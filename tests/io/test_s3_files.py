"""Files in a bucket behave like local ones."""

import ctypes.util
import os
from pathlib import Path

import pytest

from adafuse_tf import files
from tests.data.videos import gradient_frames, write_video


def test_text_and_bytes_come_back(bucket):
    path = files.join(bucket, "deep", "text.txt")
    text = "Grüße,\r\nund\nmehr"
    files.write_text(path, text)
    assert files.read_text(path) == text.replace("\r\n", "\n")
    content = os.urandom(3_000_000)
    with files.open_file(path, "wb") as file:
        for start in range(0, len(content), 1000):
            file.write(content[start : start + 1000])
    with files.open_file(path, "rb") as file:
        file.seek(-10, os.SEEK_END)
        assert file.read() == content[-10:]
        file.seek(0)
        assert file.read() == content


def test_empty_file_is_there(bucket):
    path = files.join(bucket, "empty")
    files.write_text(path, "")
    assert files.is_file(path)
    assert files.read_text(path) == ""


def test_what_there_is(bucket):
    names = ["a/1.txt", "a/2.txt", "a/b/3.txt"]
    for name in names:
        files.write_text(files.join(bucket, name), name)
    folder = files.join(bucket, "a")
    assert files.is_dir(folder) and not files.is_file(folder)
    assert files.is_file(files.join(folder, "1.txt"))
    assert not files.is_dir(files.join(folder, "1.txt"))
    assert not files.exists(files.join(bucket, "none"))
    assert files.list_dir(folder) == ["1.txt", "2.txt", "b"]
    assert list(files.walk_files(bucket)) == [files.join(bucket, n) for n in names]
    assert files.glob(files.join(folder, "*.txt")) == [
        files.join(bucket, name) for name in names[:2]
    ]
    assert files.glob(files.join(bucket, "none*")) == []


def test_folder_without_files(bucket):
    # A bucket holds no folders, so that one is as good as made.
    files.make_dirs(bucket)
    assert files.list_dir(bucket) == []


@pytest.mark.parametrize("text", ["1", ""])
def test_rename_and_remove(bucket, text):
    old, new = files.join(bucket, "old"), files.join(bucket, "new")
    files.write_text(old, text)
    files.write_text(new, "2")
    files.replace(old, new)
    assert files.list_dir(bucket) == ["new"]
    assert files.read_text(new) == text
    files.remove(new)
    files.remove(new)
    assert not files.exists(new)


def test_copies_to_and_from_a_disk(bucket, tmp_path):
    local, remote = tmp_path / "from", files.join(bucket, "file")
    local.write_bytes(os.urandom(1000))
    files.copy(local, remote)
    files.copy(remote, tmp_path / "deep" / "to")
    assert (tmp_path / "deep" / "to").read_bytes() == local.read_bytes()
    with files.local_copy(remote) as path:
        assert Path(path).read_bytes() == local.read_bytes()
    assert not os.path.exists(path)


def test_missing_file_is_named(bucket):
    with pytest.raises(FileNotFoundError, match=f"Received: '{bucket}/none.txt'"):
        files.open_file(files.join(bucket, "none.txt"))


def test_missing_bucket_is_an_error_not_a_missing_file(s3_environment):
    with pytest.raises(OSError, match="Cannot reach s3://no-such-bucket/: .") as error:
        files.exists("s3://no-such-bucket/x")
    assert "\n" not in str(error.value)


def test_hdfs_without_hadoop_says_so(tensorflow_io):
    if ctypes.util.find_library("hdfs"):
        pytest.skip("here Hadoop's library is installed")
    with pytest.raises(OSError, match="Cannot reach hdfs://host/: .*libhdfs.so"):
        files.exists("hdfs://host/x")


def test_video_in_a_bucket_has_the_same_frames(bucket, tmp_path):
    from adafuse_tf.data import read_video

    local = write_video(tmp_path / "v.mp4", gradient_frames(12))
    remote = files.join(bucket, "v.mp4")
    files.copy(local, remote)
    assert (read_video(remote) == read_video(local)).all()
