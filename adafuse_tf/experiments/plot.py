"""Accuracy against computation."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

# Markers and colours: grey for what the others are compared with, and for nothing else.
_PLAIN = tuple(zip("XPd*H", ["#777777"] * 5, strict=True))
_GATED = tuple(
    (marker, f"C{number}")
    for marker, number in zip("osD^v<>ph", (0, 1, 2, 3, 4, 5, 6, 8, 9), strict=True)
)


def draw_study(
    rows: Sequence[Mapping], title: str, baselines: Sequence[str], path: str | Path
) -> None:
    """Draws each run's mean over seeds with its spread, and the seeds themselves.

    Args:
        rows: of `summarise`.
        title: heading.
        baselines: runs to draw in grey.
        path: PNG file to write.
    """
    from matplotlib.figure import Figure  # no display and no global state

    figure = Figure(figsize=(8, 5), layout="constrained", dpi=110)
    axes = figure.subplots()
    looks = {True: itertools.cycle(_PLAIN), False: itertools.cycle(_GATED)}
    for row in rows:
        marker, colour = next(looks[row["run"] in baselines])
        mmacs = [1000 * value for value in row["gmacs"]["values"]]
        top1 = [100 * value for value in row["top1"]["values"]]
        mean, spread = 100 * row["top1"]["mean"], 100 * (row["top1"]["std"] or 0)
        axes.plot(mmacs, top1, ".", color=colour, alpha=0.4)
        mean_mmacs = 1000 * row["gmacs"]["mean"]
        axes.errorbar(
            mean_mmacs,
            mean,
            xerr=1000 * (row["gmacs"]["std"] or 0),
            # There is no accuracy below 0 or above 100 %.
            yerr=[[min(spread, mean)], [min(spread, 100 - mean)]],
            fmt="none",
            ecolor=colour,
            capsize=3,
        )
        axes.plot(
            mean_mmacs,
            mean,
            marker,
            color=colour,
            markersize=8,
            alpha=0.8,
            label=row["run"],
        )
    axes.set_title(title)
    axes.set_xlabel("MMACs per clip")
    axes.set_ylabel("top-1 in %, arg max")
    low, high = axes.get_ylim()
    axes.set_ylim(max(-2, low), min(103, high))
    axes.grid(alpha=0.3)
    axes.legend(bbox_to_anchor=(1.02, 1), loc="upper left", fontsize=8, frameon=False)
    figure.savefig(path)
