"""Frames as JPEG bytes, without TensorFlow: worker processes start quickly."""

import io

import numpy as np


def encode_frame(frame: np.ndarray, quality: int = 95) -> bytes:
    """Returns a uint8 RGB frame `[H, W, 3]` as JPEG bytes; `quality` is 1 to 100."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Writing JPEG needs Pillow: pip install 'adafuse_tf[train]'"
        ) from error
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
