"""Checks on clips that come from outside."""

import keras
import numpy as np


def check_clips(clips):
    """Returns `clips` as float32 or uint8 `[N, T, H, W, 3]`, or says what is wrong.

    Raises:
        TypeError: Neither floats nor uint8.
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
    if clips.dtype == np.uint8:
        return clips
    if not keras.backend.is_float_dtype(clips.dtype.name):
        raise TypeError(
            "`clips` must be uint8 frames, 0 to 255, or floats that have gone through "
            f"`model.preprocessing`. Received: dtype={clips.dtype}"
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
