"""Charts as SVG in the page; colours are the style sheet's."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from adafuse_tf.report.elements import Element, element

# The colours' classes in the style sheet, in the order of bars from left to right.
ACTIONS = ("keep", "reuse", "skip")
STEADY = ("always", "clip", "frame")


def stacked_bar(shares: Mapping[str, float], kinds: Sequence[str]) -> Element:
    """Shares that add up to 1, side by side."""
    title = ", ".join(f"{kind} {shares[kind]:.1%}" for kind in kinds)
    return element(
        "div",
        [
            element("i", class_=kind, style=f"width:{100 * shares[kind]:.3f}%")
            for kind in kinds
        ],
        class_="bar",
        title=title,
        role="img",
        aria_label=title,
    )


def legend(texts: Mapping[str, str]) -> Element:
    """What the colours mean: class -> text."""
    return element(
        "p",
        [
            element("span", element("i", class_=kind), text)
            for kind, text in texts.items()
        ],
        class_="legend",
    )


def histogram(groups: Mapping[str, Sequence[float]], unit: str, title: str) -> Element:
    """How often values occur; groups are stacked, by class of their colour."""
    every = np.concatenate([np.asarray(values) for values in groups.values()])
    edges = np.histogram_bin_edges(every, bins=24)
    counts = {kind: np.histogram(v, edges)[0] for kind, v in groups.items()}
    top = int(sum(counts.values()).max())
    svg = _svg(480, 170, title)
    base, height, left, width = 145, 125, 20, 450
    step = width / (len(edges) - 1)
    for i in range(len(edges) - 1):
        y = float(base)
        parts = []
        for kind, numbers in counts.items():
            size = height * int(numbers[i]) / top
            y -= size
            if size:
                parts.append(
                    element(
                        "rect", x=f"{left + i * step + 0.5:.1f}", y=f"{y:.1f}",
                        width=f"{step - 1:.1f}", height=f"{size:.1f}", class_=kind,
                    )
                )  # fmt: skip
        here = ", ".join(f"{int(numbers[i])} {k}" for k, numbers in counts.items())
        hint = f"{edges[i]:.4g} to {edges[i + 1]:.4g} {unit}: {here}"
        svg.append(element("g", element("title", hint), parts))
    svg.append(_line(left, base, left + width, base))
    svg.append(_text(left, base - height - 4, f"{top} videos", "start"))
    svg.append(_text(left - 4, base, 0, "end"))
    for share, anchor in ((0, "start"), (1, "end")):
        value = edges[0] + share * (edges[-1] - edges[0])
        text = f"{value:.4g}" + (f" {unit}" if share == 1 else "")
        svg.append(_text(left + share * width, base + 16, text, anchor))
    return svg


def line_chart(lines: Mapping[str, Sequence[float]], title: str) -> Element:
    """Shares by epoch, from 0 to 1 or as far above as they go.

    Args:
        lines: class of the colour -> a value per epoch.
        title: read out instead of the picture.
    """
    svg = _svg(360, 190, title)
    base, left, width = 165, 40, 318
    height = 145 / max([1.0, *itertools.chain(*lines.values())])
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = base - share * height
        svg.append(_line(left, y, left + width, y, "grid" if share else ""))
        svg.append(_text(left - 5, y + 4, f"{share:.0%}", "end"))
    epochs = max(len(values) for values in lines.values())
    step = width / max(1, epochs - 1)
    for kind, values in lines.items():
        points = " ".join(
            f"{left + i * step:.1f},{base - height * v:.1f}"
            for i, v in enumerate(values)
        )
        svg.append(element("polyline", points=points, class_=f"line {kind}"))
    svg.append(_text(left, base + 16, 1, "start"))
    svg.append(_text(left + width, base + 16, f"epoch {epochs}", "end"))
    return svg


def _svg(width: int, height: int, title: str) -> Element:
    return element(
        "svg",
        viewBox=f"0 0 {width} {height}",
        class_="chart",
        role="img",
        aria_label=title,
    )


def _line(x1, y1, x2, y2, kind="") -> Element:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=f"axis {kind}".strip())


def _text(x, y, text, anchor) -> Element:
    return element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)
