"""Writes record files wherever TensorFlow can."""

from adafuse_tf.storage.python_errors import python_errors


class RecordWriter:
    """`tf.io.TFRecordWriter`, with Python's errors; to be used with `with`.

    Args:
        path: File to write. One in a bucket may be sent no sooner than at the end.
    """

    def __init__(self, path: str):
        import tensorflow as tf

        self._path = path
        with python_errors(path):
            self._writer = tf.io.TFRecordWriter(path)

    def write(self, record: bytes) -> None:
        """Appends a record."""
        with python_errors(self._path):
            self._writer.write(record)

    def __enter__(self) -> "RecordWriter":
        return self

    def __exit__(self, *_) -> None:
        with python_errors(self._path):
            self._writer.close()
