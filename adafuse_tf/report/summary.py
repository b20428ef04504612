"""The top of the page: what the model achieves and what that costs."""

from adafuse_tf.report.charts import ACTIONS, legend, stacked_bar
from adafuse_tf.report.content import Content
from adafuse_tf.report.elements import Element, element, section, table
from adafuse_tf.report.numbers import cost, count, percent, percents

_DECISIONS = "Policy networks are included. Gates take their most probable decisions. "
_SAMPLED = "Sampled means drawn at random as in training, the mean of several passes."


def header(content: Content) -> Element:
    """The run's name, what it is of, and what to know before reading."""
    size = content.preprocessing
    about = (
        f"{content.preset} · {count(len(content.labels), 'class')} · clips of "
        f"{size.num_frames} frames, {size.crop} × {size.crop} pixels · "
        f"checkpoint “{content.checkpoint}”"
    )
    videos = count(content.metrics["num_clips"], "video")
    return element(
        "header",
        element("h1", content.name),
        element("p", about),
        element("p", f"Measured on {videos}: {content.where}."),
        [element("p", note, class_="note") for note in content.notes],
    )


def cards(content: Content) -> Element:
    """The few numbers that matter most."""
    metrics = content.metrics
    wrong = metrics["num_clips"] - sum(
        row[i] for i, row in enumerate(metrics["confusion"])
    )
    found = [
        _card(
            "top-1 accuracy",
            percent(metrics["top1"]),
            f"{wrong} of {count(metrics['num_clips'], 'video')} wrong",
        )
    ]
    if len(content.labels) > 5:
        found.append(_card("top-5 accuracy", percent(metrics["top5"])))
    dense = cost(metrics["dense_gmacs_per_clip"])
    if content.gates:
        share = metrics["gmacs_per_clip"] / metrics["dense_gmacs_per_clip"]
        note = f"{share:.0%} of the {dense} without gates"
    else:
        note = "for every clip"
    found.append(_card("cost per clip", cost(metrics["gmacs_per_clip"]), note))
    if content.gates:
        found.append(
            element(
                "div",
                element("span", "channels"),
                stacked_bar(metrics["policy"], ACTIONS),
                _mix(metrics["policy"]),
                class_="card wide",
            )
        )
    return element("div", found, class_="cards")


def accuracy_and_cost(content: Content) -> Element:
    """Two tables; cost is that of arg max policies."""
    metrics = content.metrics
    rows = [["Top-1", percent(metrics["top1"])]]
    if len(content.labels) > 5:
        rows.append(["Top-5", percent(metrics["top5"])])
    if metrics["top1_sampled"] is not None:
        rows.append(["Top-1, sampled policies", percent(metrics["top1_sampled"])])
    rows.append(["Cross-entropy", f"{metrics['loss']:.4f}"])
    costs = [["One clip", cost(metrics["gmacs_per_clip"])]]
    frames = content.preprocessing.num_frames
    costs.append(["One frame, mean", cost(metrics["gmacs_per_clip"] / frames)])
    views = metrics.get("views_per_video", 1)
    if views > 1:
        costs.append(
            [f"One video, {views} views", cost(metrics["gmacs_per_video_all_views"])]
        )
    if content.gates:
        dense = metrics["dense_gmacs_per_clip"]
        costs.append(["One clip of the same network without gates", cost(dense)])
        costs.append(["Saved", percent(metrics["saved"])])
    return section(
        "Accuracy and cost",
        element(
            "div",
            table(["Accuracy", ""], rows),
            table(["Cost", ""], costs),
            class_="side",
        ),
        element(
            "p",
            "MMACs and GMACs are millions and billions of multiply-accumulates. ",
            _DECISIONS if content.gates else None,
            _SAMPLED if metrics["top1_sampled"] is not None else None,
            class_="hint",
        ),
    )


def actions_legend() -> Element:
    """What keep, reuse and skip look like."""
    return legend({kind: kind for kind in ACTIONS})


def _mix(policy: dict[str, float]) -> Element:
    numbers = percents([policy[kind] for kind in ACTIONS])
    return legend({k: f"{k} {n}" for k, n in zip(ACTIONS, numbers, strict=True)})


def _card(title: str, number: str, note: str | None = None) -> Element:
    return element(
        "div",
        element("span", title),
        element("strong", number),
        element("small", note) if note else None,
        class_="card",
    )
