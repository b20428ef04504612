"""A function in a process of its own."""

import concurrent.futures
import multiprocessing


def in_own_process(function, *arguments):
    """Calls a function where nothing has been allocated yet; its memory comes back."""
    context = multiprocessing.get_context("spawn")  # TensorFlow does not fork
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        return pool.submit(function, *arguments).result()
