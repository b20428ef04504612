"""Some clips of a data set, as they come out of the crop."""

import itertools

import numpy as np

from adafuse_tf import data


def sample_clips(
    preprocessing, sampler, data_dir, split, count
) -> tuple[np.ndarray, np.ndarray]:
    """Reads clips as evaluation does, not normalised yet.

    Args:
        preprocessing: `data.Preprocessing`.
        sampler: `data.Sampler`.
        data_dir: Folder of records.
        split: Name of the split.
        count: How many clips at most.

    Returns:
        uint8 clips `[N, T, crop, crop, 3]`, and their labels `[N]`.

    Raises:
        FileNotFoundError: There are no records.
        ValueError: No such split, or nothing in it.
    """
    if data_dir is None:
        raise FileNotFoundError("the run names no `data_dir`")
    files = data.record_files(str(data_dir), split)
    plain = data.Preprocessing.from_dict(
        {
            **preprocessing.to_dict(),
            "mean": (0.0,) * 3,
            "std": (1 / 255,) * 3,
            "color_order": "rgb",
        }
    )
    batches = data.clips(files, plain, batch_size=1, training=False, sampler=sampler)
    found = [
        (np.asarray(clip)[0], int(label[0]))
        for clip, label in itertools.islice(batches, count)
    ]
    if not found:
        raise ValueError(f"There are no clips. Received: {data_dir}, split {split!r}")
    clips, labels = zip(*found, strict=True)
    return np.round(np.stack(clips)).astype("uint8"), np.array(labels)
