"""Scaling the loss of `mixed_float16` on several devices."""

import keras
import tensorflow as tf


class LossScaleOptimizer(keras.optimizers.LossScaleOptimizer):
    """`keras.optimizers.LossScaleOptimizer` whose devices agree on an overflow.

    Keras takes the first device's word for it, though each has gradients of its own
    part of the batch: an overflow on another one would end in the weights.
    """

    def check_finite(self, grads):
        """Whether the gradients of all devices are finite, as a boolean scalar."""
        finite = super().check_finite(grads)
        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return finite
        overflows = tf.cast(~finite, tf.float32)
        return tf.equal(context.all_reduce(tf.distribute.ReduceOp.SUM, overflows), 0)
