"""How the run went, epoch by epoch, and what it was told to do."""

from adafuse_tf.report.charts import ACTIONS, legend, line_chart
from adafuse_tf.report.content import Content
from adafuse_tf.report.elements import Element, element, section
from adafuse_tf.report.numbers import count


def training(content: Content) -> Element | None:
    """Curves of accuracy, cost and policies; None without a `metrics.jsonl`."""
    rows = content.history
    if not rows:
        return None
    top1 = {
        "validation": ("validation/top1", "validation"),
        "train": ("train_argmax/top1", "clips of the training split"),
    }
    charts = [_chart("Top-1", rows, top1)]
    if content.gates and "validation/keep" in rows[0]:
        dense = content.metrics["dense_gmacs_per_clip"]
        rows = [{**row, "cost": row["validation/gmacs"] / dense} for row in rows]
        about = "share of the cost without gates"
        if max(row["cost"] for row in rows) > 1:
            about += "; what is above 100% are the policy networks"
        price = {"validation": ("cost", about)}
        mix = {kind: (f"validation/{kind}", kind) for kind in ACTIONS}
        charts += [
            _chart("Cost in validation", rows, price),
            _chart("Channels in validation", rows, mix),
        ]
    return section(
        "Training",
        element("p", f"{count(len(rows), 'epoch')}, measured after each."),
        element("div", charts, class_="side thirds"),
    )


def configuration(content: Content) -> Element:
    """The run's `params.yaml`."""
    return section(
        "Configuration",
        element(
            "details",
            element("summary", "params.yaml"),
            element("pre", content.params),
        ),
    )


def _chart(title, rows, lines) -> Element:
    values = {
        kind: [row[key] for row in rows if key in row]
        for kind, (key, _) in lines.items()
    }
    return element(
        "div",
        element("h3", title),
        legend({kind: text for kind, (_, text) in lines.items()}),
        line_chart(values, f"{title} by epoch"),
        class_="lines",
    )
