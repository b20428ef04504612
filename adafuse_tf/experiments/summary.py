"""Mean and spread over seeds."""

from collections.abc import Mapping, Sequence

import numpy as np

from adafuse_tf.benchmarks.report import markdown_table
from adafuse_tf.layers.actions import ACTIONS


def summarise(metrics: Mapping[str, Sequence[Mapping]]) -> list[dict]:
    """One row per run.

    Args:
        metrics: name of a run to the content of `metrics.json` for each seed.

    Returns:
        Rows with `run`, and each of `top1`, `gmacs` per clip, its `share` of the dense
        twin's, `top1_sampled` and `share_sampled` (None without learned policies) and
        the shares of the actions as `{"mean", "std", "values"}`; the standard deviation
        is that of the sample, None for one seed. `per_class` has the same of each
        class's top-1 by its name, None for a class without clips.
    """
    rows = []
    for name, runs in metrics.items():
        row = {
            "run": name,
            "top1": _spread([r["top1"] for r in runs]),
            "top1_sampled": _spread([r.get("top1_sampled") for r in runs]),
            "gmacs": _spread([r["gmacs_per_clip"] for r in runs]),
            "share": _spread([1 - r["saved"] for r in runs]),
            "share_sampled": _spread([_share_sampled(r) for r in runs]),
        }
        for action in ACTIONS:
            row[action] = _spread([(r["policy"] or {}).get(action) for r in runs])
        row["per_class"] = {
            label: _spread([r["per_class"][label]["top1"] for r in runs])
            for label in runs[0]["per_class"]
        }
        rows.append(row)
    return rows


def _share_sampled(metrics):
    gmacs = metrics.get("gmacs_per_clip_sampled")
    return None if gmacs is None else gmacs / metrics["dense_gmacs_per_clip"]


def _spread(values):
    if any(value is None for value in values):
        return None
    return {
        "mean": float(np.mean(values)),
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "values": [float(value) for value in values],
    }


def as_markdown(rows: Sequence[Mapping]) -> str:
    """The rows as a table for people: mean ± standard deviation."""
    header = (
        "run",
        "top-1",
        "MMACs per clip",
        "of dense",
        "keep / reuse / skip",
        "sampled: top-1",
        "of dense",
    )
    cells = [
        (
            row["run"],
            _percent(row["top1"]),
            _plus_minus(row["gmacs"], 1000, "{:.2f}"),
            _percent(row["share"]),
            _mix(row),
            _percent(row["top1_sampled"]),
            _percent(row["share_sampled"]),
        )
        for row in rows
    ]
    return markdown_table(header, cells)


def _mix(row):
    if not row["keep"]:
        return "–"
    return " / ".join(f"{row[a]['mean']:.0%}" for a in ("keep", "reuse", "skip"))


def _percent(value):
    return "–" if value is None else f"{_plus_minus(value, 100, '{:.1f}')} %"


def _plus_minus(value, scale, form):
    text = form.format(scale * value["mean"])
    if value["std"] is not None:
        text += f" ± {form.format(scale * value['std'])}"
    return text
