"""Steps of a `tf.data` pipeline that TensorFlow lacks."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

Element = dict[str, tf.Tensor]

_REAL = "real"  # not the element at the end


def careful_map(
    dataset: tf.data.Dataset,
    function: Callable[[Element], Element],
    name: Callable[[Element], tf.Tensor],
    report: Callable[[str], None],
    remember: int,
    at_end: Callable[[], None] | None = None,
) -> tf.data.Dataset:
    """A parallel `map` that leaves out the elements it fails for, and tells which.

    Elements are numbered on the way in, so that a gap in the numbers on the way out
    shows a failure. Every element carries the names of those before it: the one behind
    a gap knows what is missing. All this costs next to nothing where nothing fails.

    Args:
        dataset: Elements are dicts. A failure of the dataset itself would go unnoticed.
        function: The function to map, from dict to dict.
        name: From an element to its name (scalar string).
        report: Called in Python with the name of an element that is left out, before
            the next one comes.
        remember: How many names an element carries; of a longer series of failures
            the last ones are reported.
        at_end: Called in Python behind the last element.

    Returns:
        A dataset of the results, with one more entry `"real"` (True).
    """
    run = tf.function(function).get_concrete_function(dataset.element_spec)
    # An element at the end, so that there is one behind every failure.
    rows = tf.data.Dataset.zip(dataset, tf.data.Dataset.from_tensors(True).repeat())
    end = tf.data.Dataset.from_tensors((blank(dataset.element_spec), False))

    def number(state, row):
        position, names = state
        element, real = row
        state = position + 1, tf.concat([names[1:], [name(element)]], 0)
        return state, (element, real, position, names)

    def attempt(element, real, position, names):
        result = tf.cond(
            real, lambda: run(element), lambda: blank(run.structured_outputs)
        )
        return result, real, position, names

    def tell(names: np.ndarray) -> None:
        for missing in names:
            report(missing.decode())

    def find_gap(expected, row):
        result, real, position, names = row
        missing = tf.minimum(position - expected, remember)
        if missing > 0:
            call(tell, [names[remember - missing :]])
        if at_end is not None and not real:
            call(at_end, [])
        return position + 1, {**result, _REAL: real}

    nothing = tf.constant(0, tf.int64), tf.fill([remember], "")
    rows = rows.concatenate(end).scan(nothing, number)
    rows = rows.map(attempt, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    rows = rows.ignore_errors().scan(nothing[0], find_gap)
    return rows.filter(lambda result: result[_REAL])


def before_each_pass(dataset: tf.data.Dataset, report: Callable) -> tf.data.Dataset:
    """Calls `report` in Python whenever an iteration over `dataset` begins.

    For a dataset without functions: others take TensorFlow longer to set up with this.
    """
    none = tf.data.Dataset.from_tensors(0).filter(lambda _: call(report, []))
    return none.map(lambda _: blank(dataset.element_spec)).concatenate(dataset)


def anew_each_pass(
    build: Callable[..., tf.data.Dataset], *values: Callable[[], int]
) -> tf.data.Dataset:
    """A dataset that is built whenever an iteration begins.

    Args:
        build: Gets the values as int64 scalars; as seeds they are all that decides.
        values: Called in Python, anew for each pass.
    """

    @tf.autograph.experimental.do_not_convert
    def ask() -> np.ndarray:
        return np.array([value() for value in values], np.int64)

    @tf.autograph.experimental.do_not_convert
    def build_now(_):
        tf.random.set_seed(1)  # of this function's graph; 0 does not go with a tensor
        now = tf.ensure_shape(tf.numpy_function(ask, [], tf.int64), [len(values)])
        return build(*tf.unstack(now))

    return tf.data.Dataset.from_tensors(0).flat_map(build_now)


def call(function: Callable, arguments: list[tf.Tensor]) -> tf.Tensor:
    """Calls a Python function with NumPy values for its effect; returns False."""

    @tf.autograph.experimental.do_not_convert
    def run(*values):
        function(*values)
        return False

    return tf.ensure_shape(tf.numpy_function(run, arguments, tf.bool), [])


def blank(spec):
    """Zeros and empty strings; axes of unknown length have none."""
    return tf.nest.map_structure(
        lambda part: tf.zeros([size or 0 for size in part.shape], part.dtype), spec
    )
