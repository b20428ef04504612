"""Where files may lie: `local`, `gfile` (buckets) and `http`, with the same functions.

Use `adafuse_tf.files`, which chooses by the path.
"""
