"""The parts of the page that show single videos."""

import numpy as np

from adafuse_tf.report.charts import ACTIONS, histogram, legend
from adafuse_tf.report.content import Content
from adafuse_tf.report.elements import Element, element, section
from adafuse_tf.report.gallery import NUM_EXAMPLES
from adafuse_tf.report.numbers import cost, cost_unit, percent
from adafuse_tf.report.summary import actions_legend
from adafuse_tf.report.timeline import timeline
from adafuse_tf.training.policy_picture import short_name


def costs_by_video(content: Content) -> Element | None:
    """How costs vary, and the extremes; None where they cannot."""
    if content.videos is None or not content.gates:
        return None
    measured = content.videos.measured
    values = np.array([video.gmacs for video in measured.videos])
    if np.ptp(values) < 1e-6 * values.mean():
        text = f"Every video costs {cost(values[0])}: no decision depends on it."
        return section("Cost by video", element("p", text))
    scale, unit = cost_unit(float(values.max()))
    groups = {
        name: [scale * v.gmacs for v in measured.videos if v.right == right]
        for name, right in (("right", True), ("wrong", False))
    }
    text = (
        f"From {cost(values.min())} to {cost(values.max())} per clip, the median is "
        f"{cost(float(np.median(values)))}. {_means(measured.videos)}"
    )
    gallery = measured.gallery
    return section(
        "Cost by video",
        element(
            "div",
            histogram(groups, unit, "number of videos by cost per clip"),
            element(
                "div",
                element("p", text),
                legend({"right": "answered right", "wrong": "answered wrong"}),
            ),
            class_="side",
        ),
        element(
            "div",
            [
                element("div", element("h3", title), _cards(content, ranking.numbers()))
                for title, ranking in (
                    ("Most expensive", gallery.most),
                    ("Least expensive", gallery.least),
                )
            ],
            class_="side",
        ),
    )


def timelines(content: Content) -> Element | None:
    """One video of each class, and mistakes; None without videos."""
    if content.videos is None:
        return None
    gallery = content.videos.measured.gallery
    parts = []
    if gallery.mistakes.numbers():
        parts += [
            element("h3", "Mistakes, the most confident first"),
            _cards(content, gallery.mistakes.numbers()),
        ]
    if gallery.examples.numbers():
        parts += [
            element("h3", _examples_title(len(content.labels))),
            _cards(content, gallery.examples.numbers()),
        ]
    if not content.gates:
        about = "The frames that the network saw. "
        return section(
            "Videos", element("p", about, _answers(content), class_="hint"), parts
        )
    return section("Decisions frame by frame", how_to_read(content), parts)


def _examples_title(num_classes: int) -> str:
    if num_classes <= NUM_EXAMPLES:
        return "Right answers, the first of each class"
    return f"Right answers, the first of each of the first {NUM_EXAMPLES} classes"


def how_to_read(content: Content) -> Element:
    """What the rows of a timeline are."""
    gate = content.gates[0]
    return element(
        "div",
        actions_legend(),
        element(
            "p",
            "The frames that the network saw, and below each of them a row per block "
            f"({short_name(gate)} is {gate}) with the shares of its channels. The last "
            "row is the cost of each frame; what the next frame reuses counts where it "
            "is computed. Point at a row for its numbers. ",
            _answers(content),
            class_="hint",
        ),
    )


def _answers(content: Content) -> str:
    views = content.videos.num_views
    text = "The percentage is the probability of the answer."
    if views > 1:
        text += f" Shown is the first of {views} views of a video."
    return text


def _means(videos) -> str:
    right = [video.gmacs for video in videos if video.right]
    wrong = [video.gmacs for video in videos if not video.right]
    if not right or not wrong:
        return ""
    return (
        f"Right answers cost {cost(float(np.mean(right)))} on average, wrong ones "
        f"{cost(float(np.mean(wrong)))}."
    )


def _cards(content: Content, numbers: list[int]) -> Element:
    return element(
        "div", [_video(content, number) for number in numbers], class_="videos"
    )


def _video(content: Content, number: int) -> Element:
    video = content.videos.measured.videos[number]
    shown = content.videos.shown[number]
    label, answer = content.labels[video.label], content.labels[video.answer]
    said = f" ✓ {percent(video.probability)}"
    if not video.right:
        said = f" ✗ taken for {answer}, {percent(video.probability)}"
    caption = [element("b", label), said]
    facts = []
    if content.gates:
        facts = [cost(video.gmacs), _mix(shown)]
    return element(
        "figure",
        element(
            "figcaption",
            element("span", caption, class_="right" if video.right else "wrong"),
            element("small", content.videos.names[number]),
            element("small", " · ".join(facts)) if facts else None,
        ),
        timeline(shown),
    )


def _mix(shown) -> str:
    """Shares over all gates of a clip."""
    actions = np.concatenate([policy.ravel() for policy in shown.policies.values()])
    shares = np.bincount(actions, minlength=3) / len(actions)
    # Actions are numbered in the order skip, reuse, keep.
    return ", ".join(
        f"{kind} {share:.0%}" for kind, share in zip(ACTIONS, shares[::-1], strict=True)
    )
