"""Checks on clips that come from outside."""

import numpy as np


def check_clips(clips):
    """Returns `clips` as float32 `[N, T, H, W, 3]`, or says what is wrong with them.

    Raises:
        ValueError: Not of rank 5, not 3 channels, empty, or not finite; the clips and
            frames with NaN are named.
    """
    clips = np.asarray(clips)
    if clips.ndim != 5 or clips.shape[-1] != 3:
        raise ValueError(
            "`clips` must be [N, T, H, W, 3]; a single clip needs clip[None]. "
            f"Received: shape={clips.shape}"
        )
    if 0 in clips.shape:
        raise ValueError(
            f"`clips` must hold at least one frame. Received: shape={clips.shape}"
        )
    clips = clips.astype("float32", copy=False)
    finite = np.isfinite(clips).all(axis=(2, 3, 4))
    if not finite.all():
        where = [tuple(map(int, index)) for index in np.argwhere(~finite)[:4]]
        raise ValueError(
            "`clips` must be finite; check the normalisation. Received NaN or infinity "
            f"at (clip, frame) {where}{' and more' if (~finite).sum() > 4 else ''}"
        )
    return clips
