"""What Keras' `fit` needs of `MultiWorkerMirroredStrategy` and TensorFlow lacks.

https://github.com/keras-team/keras/issues/20585: Keras reduces a batch as one nested
value, and scalar logs along an axis that they do not have. TensorFlow refuses both.
This does what is meant and leaves every other call alone, so a Keras that asks
otherwise does not meet it; `tests/training/test_keras_20585.py` says when to delete it.
"""

import tensorflow as tf


class MultiWorkerMirroredStrategy(tf.distribute.MultiWorkerMirroredStrategy):
    """`tf.distribute.MultiWorkerMirroredStrategy` whose `reduce` takes more values."""

    def reduce(self, reduce_op, value, axis=None):
        """Reduces each part of a nested value; a scalar has no axis."""

        def one(part):
            local = self.experimental_local_results(part)[0]
            scalar = tf.convert_to_tensor(local).shape.rank == 0
            own = super(MultiWorkerMirroredStrategy, self)
            return own.reduce(reduce_op, part, None if scalar else axis)

        return tf.nest.map_structure(one, value)
