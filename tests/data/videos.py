"""Tiny videos and record files for the tests of this folder."""

import csv
import fractions

import numpy as np

from adafuse_tf.data import records


def gradient_frames(count, height=32, width=48):
    """uint8 `[count, H, W, 3]`: smooth pictures, frame k has mean brightness ~ 8 k."""
    x = np.linspace(0, 40, width)[None, :, None]
    y = np.linspace(0, 40, height)[:, None, None]
    base = x + y + np.array([0, 10, 20])
    return np.stack([base + 8 * k for k in range(count)]).clip(0, 255).astype(np.uint8)


def moving_frames(count, height=48, width=64):
    """uint8 `[count, H, W, 3]`: a window that moves over blocks of random colours."""
    random = np.random.default_rng(0)
    blocks = random.integers(0, 256, [60, 80, 3], np.uint8).repeat(4, 0).repeat(4, 1)
    picks = [
        blocks[3 * k % 150 :, 5 * k % 200 :][:height, :width] for k in range(count)
    ]
    return np.stack(picks)


def write_video(
    path, frames, codec="libx264", rate=10, options=None, codec_options=None, times=None
):
    """Writes uint8 `[N, H, W, 3]` as a video; `options` go to the container.

    `times` are those of the frames in milliseconds, by default they follow `rate`.
    """
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=codec_options or {})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if times is not None:
            stream.codec_context.time_base = fractions.Fraction(1, 1000)
        for k, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            if times is not None:
                picture.pts = int(times[k])
                picture.time_base = fractions.Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def write_manifest(path, rows, columns=("path", "label", "split")):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def clip_record(count=10, label=0, media_id="clip", height=32, width=48, frames=None):
    """One serialised clip with `gradient_frames`."""
    if frames is None:
        frames = gradient_frames(count, height, width)
    return records.encode_clip(
        [records.encode_frame(frame) for frame in frames],
        label_index=label,
        label_text=f"label {label}",
        media_id=media_id,
        width=frames.shape[2],
        height=frames.shape[1],
        frame_rate=10.0,
    )


def write_records(path, serialized):
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in serialized:
            writer.write(record)
    return str(path)
