import os
import subprocess
import sys

import pytest

from adafuse_tf import LAZY
from adafuse_tf.training.side_by_side import run_side_by_side


def own_process():
    print("one\ntwo")
    return os.getpid()


def fail():
    raise ValueError("of this job")


def test_each_job_has_its_process_and_its_name(capfd):
    results = run_side_by_side({"first": own_process, "second": own_process})
    assert len({os.getpid(), *results.values()}) == 3
    out = capfd.readouterr().out
    for line in ("first   one", "first   two", "second  one", "second  two"):
        assert line in out


def test_a_process_is_prepared_before_anything_is_loaded():
    # What takes the place of a job there is found by name, which imports its module.
    code = (
        "import pickle, sys; from functools import partial; import adafuse_tf; "
        "from adafuse_tf.named_process import prepare_process as p; "
        "pickle.loads(pickle.dumps(partial(p, 'x', 1, None)))(); "
        "sys.exit(bool({'numpy', 'tensorflow'} & set(sys.modules)))"
    )
    # As `in_own_process` starts it.
    environment = {**os.environ, LAZY: "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment)
    assert done.returncode == 0


def visible_gpu():
    return os.environ["CUDA_VISIBLE_DEVICES"]


def test_each_job_has_a_gpu_to_itself(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,7")
    monkeypatch.setattr(
        "tensorflow.config.list_physical_devices", lambda kind: [kind] * 2
    )
    found = run_side_by_side(dict.fromkeys("abcd", visible_gpu))
    assert set(found.values()) == {"3", "5"}


def test_an_error_ends_all_that_has_not_begun(capfd, monkeypatch):
    monkeypatch.setattr("adafuse_tf.training.side_by_side._cores", lambda: 1)
    with pytest.raises(ValueError, match="of this job"):
        run_side_by_side({"good": own_process, "bad": fail, "late": own_process})
    found = capfd.readouterr()
    assert "bad failed." in found.err
    assert "good" in found.out and "late" not in found.out
