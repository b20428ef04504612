"""Some clips of a data set, as they come out of the crop."""

import dataclasses
import itertools

import numpy as np

from adafuse_tf import data


def sample_clips(preprocessing, sampler, data_dir, split, count) -> np.ndarray:
    """Reads clips as evaluation does, not normalised yet.

    Args:
        preprocessing: `data.Preprocessing`.
        sampler: `data.Sampler`.
        data_dir: Folder of records.
        split: Name of the split.
        count: How many clips at most.

    Returns:
        uint8 `[N, T, crop, crop, 3]`.

    Raises:
        FileNotFoundError: There are no records.
        ValueError: No such split, or nothing in it.
    """
    if data_dir is None:
        raise FileNotFoundError("the run names no `data_dir`")
    files = data.record_files(str(data_dir), split)
    plain = dataclasses.replace(preprocessing, mean=(0.0,) * 3, std=(1 / 255,) * 3)
    batches = data.clips(files, plain, batch_size=1, training=False, sampler=sampler)
    clips = [np.asarray(batch)[0] for batch, _ in itertools.islice(batches, count)]
    if not clips:
        raise ValueError(f"There are no clips. Received: {data_dir}, split {split!r}")
    return np.round(np.stack(clips)).astype("uint8")
