"""What the gates decide frame by frame, below the frames."""

import numpy as np
import tensorflow as tf

from adafuse_tf.layers.actions import KEEP, REUSE, SKIP
from adafuse_tf.report.content import Shown
from adafuse_tf.report.elements import Element, element, picture
from adafuse_tf.report.numbers import costs
from adafuse_tf.training.policy_picture import short_name

# Longest side of a frame on the page, in pixels.
_PIXELS = 128
# A row is 12 high, a column 100 wide; both leave a gap to the next.
_ROW, _BAR, _COLUMN, _GAP = 12, 10, 100, 3


def timeline(shown: Shown) -> Element:
    """Frames, a row of bars for each gate, and what each frame costs."""
    frames = element(
        "div",
        [
            picture(_jpeg(frame), "jpeg", f"frame {t + 1}")
            for t, frame in enumerate(shown.frames)
        ],
        class_="frames",
    )
    if not shown.policies:
        return frames
    names = [element("b", short_name(gate), title=gate) for gate in shown.policies]
    numbers, unit = costs(shown.gmacs.tolist())
    return element(
        "div",
        element("span"),
        frames,
        element("div", names, class_="gates"),
        _decisions(shown),
        element("span", unit, class_="gates"),
        element("div", [element("span", n) for n in numbers], class_="costs"),
        class_="timeline",
    )


def _decisions(shown: Shown) -> Element:
    num_frames = len(shown.frames)
    rows = len(shown.policies)
    svg = element(
        "svg",
        viewBox=f"0 0 {num_frames * _COLUMN} {rows * _ROW}",
        style=f"height:{rows * _ROW}px",
        preserveAspectRatio="none",
        class_="decisions",
        role="img",
        aria_label="decisions of each gate in each frame",
    )
    for row, (gate, policy) in enumerate(shown.policies.items()):
        parts, texts = [], []
        start = np.zeros(num_frames)
        for name, action in (("keep", KEEP), ("reuse", REUSE), ("skip", SKIP)):
            shares = (policy == action).mean(axis=1)
            parts.append(_bars(name, row, start, shares))
            texts.append(f"{name} {' '.join(f'{s:.0%}' for s in shares)}")
            start = start + shares
        hint = f"{gate}, frame by frame: {'; '.join(texts)}"
        svg.append(element("g", element("title", hint), parts))
    return svg


def _bars(kind: str, row: int, start: np.ndarray, shares: np.ndarray) -> Element:
    """One action of one gate in all frames, as one path: pages stay small."""
    room = _COLUMN - 2 * _GAP
    path = "".join(
        f"M{t * _COLUMN + _GAP + room * s:.1f} {row * _ROW}"
        f"h{room * share:.1f}v{_BAR}h{-room * share:.1f}z"
        for t, (s, share) in enumerate(zip(start, shares, strict=True))
        if share > 0
    )
    return element("path", d=path, class_=kind)


def _jpeg(frame: np.ndarray) -> bytes:
    longest = max(frame.shape[:2])
    if longest > _PIXELS:
        size = [side * _PIXELS // longest for side in frame.shape[:2]]
        small = tf.image.resize(frame, size, antialias=True)
        frame = tf.cast(tf.clip_by_value(tf.round(small), 0, 255), tf.uint8)
    return tf.io.encode_jpeg(frame, quality=85).numpy()
