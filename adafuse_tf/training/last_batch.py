"""Ending an epoch with its last batch, where nobody knows how many there are."""

import keras
import tensorflow as tf

from adafuse_tf.data import DataError
from adafuse_tf.data.batching import dataset_steps


class EndWithLastBatch(keras.callbacks.Callback):
    """Ends a `fit` of one epoch after the last batch.

    Without a number of steps Keras begins one more, which finds no data. TensorFlow has
    then counted it already, in the optimizer and in metrics, since that needs no data.
    """

    def __init__(self):
        super().__init__()
        self._count = None
        self._any = False

    def watch(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """The same batches; each comes when it is known whether it is the last."""
        blank = dataset_steps.blank(dataset.element_spec)
        rows = dataset.map(lambda *batch: (batch, True))
        rows = rows.concatenate(tf.data.Dataset.from_tensors((blank, False)))

        def look_ahead(state, row):
            count, before = state
            batch, real = row
            return (count + 1, batch), (count, before, real)

        def tell(count, before, real):
            if not real:
                dataset_steps.call(self._note, [count])
            return before

        rows = rows.scan((tf.constant(0), blank), look_ahead)
        return rows.filter(lambda count, *_: count > 0).map(tell)

    def on_epoch_begin(self, epoch, logs=None):
        """Begins to count anew."""
        self._count = None
        self._any = False

    def on_train_batch_end(self, batch, logs=None):
        """Ends the epoch if this was its last batch."""
        self._any = True
        if batch + 1 == self._count:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        """Raises DataError where damaged clips have left no batch."""
        if not self._any:
            raise DataError(
                f"No whole batch is left in the rest of epoch {epoch + 1} without the "
                "damaged clips; repair some. Received: 0 batches"
            )

    def _note(self, count) -> None:
        self._count = int(count)
