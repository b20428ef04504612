"""A trained model on records that its training never saw."""

from pathlib import Path

from adafuse_tf import data
from adafuse_tf.training.evaluation import evaluate
from adafuse_tf.training.label_map import match_labels
from adafuse_tf.training.model_dir import load_trained


def evaluate_records(
    model_dir: str | Path,
    input_path: str,
    checkpoint: str = "last",
    batch_size: int = 16,
) -> dict:
    """Measures a trained model on record files.

    Labels are matched by name, so the records may number their classes otherwise, and
    may have fewer of them, than the data set of the training.

    Args:
        model_dir: the folder of a run.
        input_path: a record file, a folder (all `*.tfrecord` in it) or a glob pattern
            such as `records/validation-*.tfrecord`.
        checkpoint: `"last"` or `"best"`.
        batch_size: clips at a time.

    Returns:
        The checkpoint, the input path and the metrics of `evaluate`.

    Raises:
        ModelDirError: see `load_trained`.
        FileNotFoundError: nothing matches `input_path`.
        ValueError: a clip has a label that the model does not know.
    """
    model, preprocessing, labels = load_trained(model_dir, checkpoint)
    to_model = match_labels(input_path, labels)
    dataset = data.clips(input_path, preprocessing, batch_size, training=False)
    size = preprocessing.crop
    shape = (preprocessing.num_frames, size, size)
    metrics = evaluate(model, dataset, labels, shape, to_model)
    return {"checkpoint": checkpoint, "input_path": str(input_path), **metrics}
