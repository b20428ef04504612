"""Accuracy against computation."""

from collections.abc import Mapping, Sequence
from pathlib import Path


def draw_study(
    rows: Sequence[Mapping], title: str, baselines: Sequence[str], path: str | Path
) -> None:
    """Draws each run's mean over seeds with its spread, and the seeds themselves.

    Args:
        rows: of `summarise`.
        title: heading.
        baselines: runs to draw in grey, as crosses.
        path: PNG file to write.
    """
    from matplotlib.figure import Figure  # no display and no global state

    figure = Figure(figsize=(8, 5), layout="constrained", dpi=110)
    axes = figure.subplots()
    for number, row in enumerate(rows):
        plain = row["run"] in baselines
        colour = "#777777" if plain else f"C{number % 10}"
        mmacs = [1000 * value for value in row["gmacs"]["values"]]
        top1 = [100 * value for value in row["top1"]["values"]]
        axes.plot(mmacs, top1, ".", color=colour, alpha=0.4)
        axes.errorbar(
            1000 * row["gmacs"]["mean"],
            100 * row["top1"]["mean"],
            xerr=1000 * (row["gmacs"]["std"] or 0),
            yerr=100 * (row["top1"]["std"] or 0),
            marker="X" if plain else "o",
            markersize=8,
            linestyle="none",
            capsize=3,
            color=colour,
            label=row["run"],
        )
    axes.set_title(title)
    axes.set_xlabel("MMACs per clip")
    axes.set_ylabel("top-1 in %, arg max")
    axes.grid(alpha=0.3)
    axes.legend(bbox_to_anchor=(1.02, 1), loc="upper left", fontsize=8, frameon=False)
    figure.savefig(path)
