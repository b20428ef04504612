"""Several jobs at once on one machine."""

import concurrent.futures
import functools
import os
import queue
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from adafuse_tf.named_process import prepare_process
from adafuse_tf.own_process import in_own_process


def run_side_by_side(jobs: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Runs jobs in processes of their own, as many at a time as there are cores.

    A small network leaves most of a second core idle; two of them do not. Where there
    are GPUs each job has one to itself.

    Args:
        jobs: Name to a function that can be pickled. What a job writes on the screen
            comes with its name in front.

    Returns:
        Name to what the job returned. An exception of a job is raised here, once the
        jobs that run beside it have ended; no other is started.
    """
    if not jobs:
        return {}
    cores, gpus = _cores(), _gpus()
    workers = min(len(jobs), len(gpus) or cores)
    threads = max(1, cores // workers)
    free: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    for gpu in gpus or [None] * workers:
        free.put(gpu)
    failed = threading.Event()

    def run(name: str, job: Callable[[], Any]) -> Any:
        if failed.is_set():
            raise concurrent.futures.CancelledError
        gpu = free.get()
        try:
            prepare = functools.partial(prepare_process, name, threads, gpu)
            return in_own_process(job, prepare=prepare)
        except BaseException:
            failed.set()
            print(f"{name.strip()} failed.", file=sys.stderr, flush=True)
            raise
        finally:
            free.put(gpu)

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        futures = {name: pool.submit(run, name, job) for name, job in jobs.items()}
    errors = [e for f in futures.values() if (e := f.exception())]
    for error in errors:
        if not isinstance(error, concurrent.futures.CancelledError):
            raise error
    return {name: future.result() for name, future in futures.items()}


def _cores() -> int:
    """Those that this process may use, which a container has fewer of."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _gpus() -> list[str]:
    """What `CUDA_VISIBLE_DEVICES` calls the GPUs that this process may use."""
    import tensorflow as tf  # finds them, and takes no memory of theirs

    count = len(tf.config.list_physical_devices("GPU"))
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return (named.split(",") if named else [str(n) for n in range(count)])[:count]
