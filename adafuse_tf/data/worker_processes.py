"""Work on many videos at once, one process each."""

import collections
import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from adafuse_tf.light_processes import light_context

_T = TypeVar("_T")
_R = TypeVar("_R")

# Results that wait in memory for a slow one before them, per worker.
_AHEAD = 4


def map_in_processes(
    work: Callable[[_T], _R],
    items: Iterable[_T],
    workers: int | None = None,
    crashed: Callable[[_T], _R] | None = None,
) -> Generator[_R, None, None]:
    """Like `map`, in worker processes; a bounded number of results waits in memory.

    Args:
        work: A function that can be pickled.
        items: Its arguments, which can be pickled as well.
        workers: Processes, by default one per processor; 1 works in this process.
        crashed: Gives the result for an item whose process dies: a damaged video can
            bring down the decoder. By default that is an error.

    Returns:
        The results in order. Closing the generator ends the processes.

    Raises:
        ValueError: `workers` is not positive.
        RuntimeError: Processes cannot be started.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"`workers` must be >= 1. Received: workers={workers}")
    workers = workers or os.cpu_count() or 1
    if workers == 1:
        return (work(item) for item in items)
    return _map(work, items, workers, crashed)


def _map(work, items, workers, crashed) -> Generator:
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(_pool(workers))
        _require_start(pool)
        stack.callback(lambda: pool.shutdown(cancel_futures=True))
        waiting = collections.deque()
        for item in items:
            if len(waiting) >= _AHEAD * workers:
                yield _result(work, *waiting.popleft(), crashed)
            try:
                future = pool.submit(work, item)
            except BrokenProcessPool:
                pool = stack.enter_context(_pool(workers))
                future = pool.submit(work, item)
            waiting.append((item, future))
        while waiting:
            yield _result(work, *waiting.popleft(), crashed)


def _result(work, item, future, crashed):
    try:
        return future.result()
    except BrokenProcessPool:
        # A process died and took all that was under way with it. Only alone does an
        # item show whether it was the one.
        try:
            with _pool(1) as pool:
                return pool.submit(work, item).result()
        except BrokenProcessPool:
            if crashed is None:
                raise
            return crashed(item)


def _require_start(pool) -> None:
    try:
        pool.submit(os.getpid).result()
    except BrokenProcessPool:
        raise RuntimeError(
            "Worker processes do not start. Keep the code of a script below `if "
            "__name__ == '__main__':`, or use `workers=1`"
        ) from None


def _pool(workers: int) -> concurrent.futures.ProcessPoolExecutor:
    # Spawned: a process with TensorFlow's threads must not be forked.
    context = light_context()
    return concurrent.futures.ProcessPoolExecutor(workers, context, _prepare_worker)


def _prepare_worker() -> None:
    # Ctrl-C goes to all processes; the one that started the others ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A killed parent tells nobody, and its workers would wait for work for ever.
    parent = multiprocessing.parent_process()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent) -> None:
    parent.join()
    os._exit(1)
