import concurrent.futures
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adafuse_tf import LAZY
from adafuse_tf.data.worker_processes import map_in_processes

ROOT = Path(__file__).parents[2]


def square(number):
    return number * number


def slow_first(number):
    time.sleep(0.3 if number == 0 else 0)
    return number


def crash_at_three(number):
    if number == 3:
        os.abort()
    return number


def fail(number):
    raise ValueError(f"no {number}")


def test_results_come_in_order():
    assert list(map_in_processes(slow_first, range(20), 2)) == list(range(20))


def test_few_results_wait_in_memory():
    taken = []

    def items():
        for k in range(100):
            taken.append(k)
            yield k

    results = map_in_processes(square, items(), 2)
    assert next(results) == 0
    assert len(taken) < 12
    results.close()


def test_one_that_brings_down_its_process_costs_no_other():
    results = map_in_processes(crash_at_three, range(6), 2, lambda k: f"{k} died")
    assert list(results) == [0, 1, 2, "3 died", 4, 5]


def test_errors_come_through():
    with pytest.raises(ValueError, match="no 0"):
        list(map_in_processes(fail, range(3), 2))


def test_one_worker_is_this_process():
    assert list(map_in_processes(lambda _: os.getpid(), [0], 1)) == [os.getpid()]


def loaded_and_inherited(_):
    # What converts and checks videos there.
    from adafuse_tf.data.checking import inspection  # noqa: F401
    from adafuse_tf.data.conversion import encode_item  # noqa: F401

    heavy = {"keras", "tensorflow"} & set(sys.modules)
    return os.getpid(), heavy, os.environ.get(LAZY)


@pytest.mark.parametrize("value", [None, "0"])
def test_workers_do_without_tensorflow(value, monkeypatch):
    if value is None:
        monkeypatch.delenv(LAZY, raising=False)
    else:
        monkeypatch.setenv(LAZY, value)
    # Many items, so that the pool starts processes now and later.
    found = list(map_in_processes(loaded_and_inherited, range(20), 3))
    assert os.getpid() not in {pid for pid, *_ in found}
    assert {(frozenset(heavy), lazy) for _, heavy, lazy in found} == {
        (frozenset(), value)
    }
    assert os.environ.get(LAZY) == value


def test_threads_that_start_processes_at_once_leave_the_environment_alone(monkeypatch):
    monkeypatch.delenv(LAZY, raising=False)

    def work(_):
        return list(map_in_processes(loaded_and_inherited, [0], 2))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = [result for (result,) in pool.map(work, range(4))]
    assert [(heavy, lazy) for _, heavy, lazy in found] == [(set(), None)] * 4
    assert LAZY not in os.environ


SCRIPT = """
import sys
sys.path.insert(0, {root!r})
from adafuse_tf.data.worker_processes import map_in_processes
{guard}
    print(list(map_in_processes(abs, [-1, -2], 2)))
"""


@pytest.mark.parametrize(
    "guard, code", [("if __name__ == '__main__':", 0), ("if 1:", 1)]
)
def test_script_without_a_guard_is_told(tmp_path, guard, code):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(root=str(ROOT), guard=guard))
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, LAZY: "1"},
    )
    assert done.returncode == code, done.stderr
    assert ("Keep the code of a script below" in done.stderr) == bool(code)
