"""The order of the parts on the page."""

from adafuse_tf.report.classes import classes
from adafuse_tf.report.content import Content
from adafuse_tf.report.elements import page
from adafuse_tf.report.policies import policies
from adafuse_tf.report.style import STYLE
from adafuse_tf.report.summary import accuracy_and_cost, cards, header
from adafuse_tf.report.training_part import configuration, training
from adafuse_tf.report.video_parts import costs_by_video, timelines


def lay_out(content: Content) -> str:
    """The page as HTML; parts of which nothing is known are left out."""
    return page(
        content.name,
        STYLE,
        header(content),
        cards(content),
        accuracy_and_cost(content),
        classes(content),
        policies(content),
        timelines(content),
        costs_by_video(content),
        training(content),
        configuration(content),
    )
