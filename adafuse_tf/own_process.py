"""A function in a process of its own."""

import concurrent.futures
import multiprocessing
import os
import signal
import sys
import threading
import time

from adafuse_tf import cli
from adafuse_tf.light_processes import light_context


def in_own_process(function, *arguments, prepare=None):
    """Calls a function where nothing has been allocated yet; its memory comes back.

    It gets SIGTERM when the process that called it is gone, and a minute to save.

    Args:
        function: Of a module, so that it can be pickled.
        *arguments: What to call it with.
        prepare: Called first in that process, before what the function needs is
            imported: of a module that imports nothing heavy.

    Returns:
        What it returns.

    Raises:
        Exception: What it raises; an expected error is raised here anew, so that
            `cli.one_line_errors` knows it for one of this package.
    """
    context = light_context()  # spawned: TensorFlow does not fork
    with concurrent.futures.ProcessPoolExecutor(1, context, prepare) as pool:
        result, expected = pool.submit(_call, function, arguments).result()
    if expected is not None:
        raise expected
    return result


def _call(function, arguments):
    """`(result, None)`, or `(None, error)`: where it was raised is not pickled."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        return function(*arguments), None
    except SystemExit as end:
        if multiprocessing.parent_process().is_alive():
            raise
        # The pool would wait for more to do, with all that this process holds.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else end.code is not None)
    except Exception as error:
        if not cli.is_expected(error):
            raise
        return None, error


def _end_with_parent():
    multiprocessing.parent_process().join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
    os._exit(128 + signal.SIGTERM)  # the pool would wait for more to do
