"""A trained model on records that its training never saw."""

from adafuse_tf import data, files
from adafuse_tf.training.data_source import evaluation_sampler, evaluation_views
from adafuse_tf.training.evaluation import evaluate
from adafuse_tf.training.label_map import match_labels
from adafuse_tf.training.model_dir import ModelDir, load_trained


def evaluate_records(
    model_dir: files.PathLike,
    input_path: str,
    checkpoint: str = "last",
    batch_size: int = 16,
    num_clips: int | None = None,
    num_crops: int | None = None,
) -> dict:
    """Measures a trained model on record files.

    Labels are matched by name, so the records may number their classes otherwise, and
    may have fewer of them, than the data set of the training.

    Args:
        model_dir: the folder of a run, or its URL.
        input_path: a record file, a folder (all `*.tfrecord` in it) or a glob pattern
            such as `records/validation-*.tfrecord`.
        checkpoint: `"last"` or `"best"`.
        batch_size: views at a time.
        num_clips: clips of each video to average over; by default as many as the run's
            configuration says for validation.
        num_crops: likewise crops of each clip, 1, 3 or 10.

    Returns:
        The checkpoint, the input path, the metrics of `evaluate`, and how many damaged
        items were skipped; the run's configuration says how many may be.

    Raises:
        ModelDirError: see `load_trained`.
        FileNotFoundError: nothing matches `input_path`.
        ValueError: a clip has a label that the model does not know, or `num_crops` is
            none of the above.
        DataError: a clip or file is damaged.
    """
    folder = ModelDir(model_dir)
    model, preprocessing, labels = load_trained(folder, checkpoint)
    task = folder.read_config().task
    views = evaluation_views(task)
    views = data.Views(num_clips or views.num_clips, num_crops or views.num_crops)
    to_model = match_labels(input_path, labels)
    bad_items = data.BadItems(task.max_bad)
    dataset = data.clips(
        input_path,
        preprocessing,
        batch_size,
        training=False,
        sampler=evaluation_sampler(task),
        views=views,
        bad_items=bad_items,
    )
    size = views.size(preprocessing)
    shape = (preprocessing.num_frames, size, size)
    with data.clear_errors(bad_items):
        metrics = evaluate(model, dataset, labels, shape, to_model, len(views))
    about = {"checkpoint": checkpoint, "input_path": str(input_path)}
    return {**about, **metrics, **bad_items.counts()}
