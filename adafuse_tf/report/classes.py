"""Which classes are told apart, and what each of them costs."""

import numpy as np

from adafuse_tf.report.content import Content
from adafuse_tf.report.elements import Element, element, section, table
from adafuse_tf.report.numbers import cost, count, percent

# A matrix of more classes than this is no use on a page.
MATRIX_CLASSES = 30
_NUM_PAIRS = 20


def classes(content: Content) -> Element:
    """Accuracy by class, and what is taken for what."""
    confusion = np.array(content.metrics["confusion"])
    if len(confusion) > MATRIX_CLASSES:
        mistakes = _pairs(confusion, content.labels)
    else:
        mistakes = _matrix(confusion, content.labels)
    by_class = _by_class(content, confusion)
    return section("Classes", element("div", mistakes, by_class, class_="side"))


def _matrix(confusion: np.ndarray, labels) -> Element:
    totals = np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    rows = [
        [
            labels[i],
            *(
                _shaded(n, share, i == j)
                for j, (n, share) in enumerate(zip(row, shares, strict=True))
            ),
        ]
        for i, (row, shares) in enumerate(
            zip(confusion.tolist(), (confusion / totals).tolist(), strict=True)
        )
    ]
    head = ["true ↓ answer →", *(element("span", label) for label in labels)]
    kind = "confusion upright" if len(labels) > 6 else "confusion"
    return element(
        "div",
        element("h3", "Answers by true class"),
        table(head, rows, class_=kind),
        element(
            "p",
            "Videos; shaded by their share of the row. Right answers are framed.",
            class_="hint",
        ),
    )


def _shaded(number: int, share: float, is_right: bool) -> Element:
    kinds = {"shaded": True, "strong": share > 0.5, "diagonal": is_right}
    return element(
        "td",
        number if number or is_right else "",
        style=f"--share:{share:.3f}",
        class_=" ".join(kind for kind, applies in kinds.items() if applies),
        data_n=number,
    )


def _pairs(confusion: np.ndarray, labels) -> Element:
    wrong = confusion - np.diag(np.diag(confusion))
    totals = confusion.sum(axis=1)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_NUM_PAIRS]
    rows = [
        [
            labels[i],
            labels[j],
            int(wrong[i, j]),
            percent(wrong[i, j] / totals[i]),
        ]
        for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True)
        if wrong[i, j]
    ]
    return element(
        "div",
        element("h3", "Most frequent mistakes"),
        table(["true class", "answer", "videos", "of the class"], rows),
    )


def _by_class(content: Content, confusion: np.ndarray) -> Element:
    head = ["class", "videos", "found", "right when named"]
    costs = _costs(content)
    if costs:
        head.append("mean cost")
    rows = []
    for i, label in enumerate(content.labels):
        total, named, hits = confusion[i].sum(), confusion[:, i].sum(), confusion[i, i]
        row = [
            label,
            int(total),
            percent(hits / total if total else None),
            percent(hits / named if named else None),
        ]
        if costs:
            row.append(cost(costs[i]) if i in costs else "–")
        rows.append(row)
    found = table(head, rows)
    if len(rows) > MATRIX_CLASSES:
        summary = element("summary", f"All {count(len(rows), 'class')}")
        found = element("details", summary, found)
    hint = (
        "Found: share of the class's videos that get its name (recall). Right when "
        "named: share of the videos with this answer that are of the class (precision)."
    )
    return element(
        "div",
        element("h3", "Accuracy by class"),
        found,
        element("p", hint, class_="hint"),
    )


def _costs(content: Content) -> dict[int, float]:
    """Mean cost by class; empty where it is the same for all, or not known."""
    if content.videos is None or not content.gates:
        return {}
    found: dict[int, list[float]] = {}
    for video in content.videos.measured.videos:
        found.setdefault(video.label, []).append(video.gmacs)
    return {label: float(np.mean(values)) for label, values in found.items()}
