"""What the gates decide over the data set: overall, and block by block."""

from adafuse_tf.report.charts import ACTIONS, STEADY, legend, stacked_bar
from adafuse_tf.report.content import Content
from adafuse_tf.report.elements import Element, element, section, table
from adafuse_tf.report.numbers import percents
from adafuse_tf.report.summary import actions_legend

_STEADY_TEXTS = {
    "always": "always: the same in all videos",
    "clip": "by clip: one for all frames",
    "frame": "by frame",
}


def policies(content: Content) -> Element | None:
    """The mix as in the paper's figures 3 and 4; None without gates."""
    if not content.gates:
        return None
    metrics = content.metrics
    parts = [
        element("h3", "Keep, reuse, skip"),
        actions_legend(),
        _bars(metrics["policy"], metrics["policy_per_gate"], ACTIONS),
        element(
            "p",
            "Kept channels are computed, reused ones are taken from the frame before, "
            "skipped ones are zero. Shares of a block's channels over all frames of "
            "all videos; overall, every channel counts alike.",
            class_="hint",
        ),
    ]
    steady = []
    if content.videos is not None:
        found = content.videos.measured.steadiness
        steady = [
            element("h3", "What a decision depends on"),
            legend(_STEADY_TEXTS),
            _bars(found.overall(), found.per_gate(), STEADY),
            element(
                "p",
                "Shares of channels: those whose decision is the same in all frames "
                "of all videos; those that decide once for a clip; those that change "
                "within it. What never changes could be built into the network.",
                class_="hint",
            ),
        ]
    return section(
        "Policies by block",
        element(
            "div",
            element("div", parts),
            element("div", steady) if steady else None,
            class_="side",
        ),
    )


def _bars(overall, per_gate, kinds) -> Element:
    rows = [
        [name, element("td", stacked_bar(shares, kinds), class_="graphic")]
        + percents([shares[kind] for kind in kinds])
        for name, shares in {"all blocks": overall, **per_gate}.items()
    ]
    return table(["block", "", *kinds], rows, class_="bars")
