"""The parts of a page, one by one."""

import dataclasses

import numpy as np
import pytest

from adafuse_tf.data import Preprocessing
from adafuse_tf.report.charts import line_chart
from adafuse_tf.report.classes import MATRIX_CLASSES, classes
from adafuse_tf.report.content import Content
from adafuse_tf.report.elements import element, page, table
from adafuse_tf.report.gallery import Ranking
from adafuse_tf.report.numbers import cost, costs, count, percents
from adafuse_tf.report.steadiness import Steadiness
from tests.report.pages import Page


def test_text_is_escaped_everywhere():
    nasty = '<b>"A & B"</b>'
    parts = [element("p", nasty, title=nasty), table([nasty], [[nasty, 1]])]
    found = Page(page(nasty, "", parts))
    assert not found.errors and not found.open and not found.all("b")
    assert found.text.count(nasty) == 4
    assert found.all("p", title=nasty)


def test_ranking_keeps_the_highest_and_of_equals_the_first():
    ranking = Ranking(3)
    for number, key in enumerate([1, 5, 5, 0, 9, 5, 1]):
        ranking.offer(key, number, np.full(2, number))
    assert ranking.numbers() == [4, 1, 2]
    assert [clip[0] for _, clip in ranking.items()] == [4, 1, 2]


def test_steadiness_tells_three_kinds_of_channels_apart():
    policy = np.zeros((2, 3, 4), int)  # two clips, three frames
    policy[:, :, 1] = 2
    policy[1, :, 2] = 1
    policy[0, 2, 3] = 2
    steadiness = Steadiness()
    for clip in np.eye(3)[policy]:
        steadiness.add({"a": clip[None], "b": clip[None, :, :2]})
    # The last channel changes in one of the two clips.
    assert steadiness.per_gate()["a"] == pytest.approx(
        {"always": 0.5, "clip": 0.375, "frame": 0.125}
    )
    assert steadiness.per_gate()["b"] == {"always": 1, "clip": 0, "frame": 0}
    assert steadiness.overall()["always"] == pytest.approx(4 / 6)
    assert Steadiness().overall() is None


def test_many_classes_get_a_list_of_mistakes():
    number = MATRIX_CLASSES + 1
    confusion = 4 * np.eye(number, dtype=int)
    confusion[3, 7], confusion[5, 0] = 12, 1
    labels = tuple(f"class {i}" for i in range(number))
    metrics = {"confusion": confusion.tolist()}
    content = Content(
        "run", "preset", Preprocessing(), labels, (), "last", metrics, "here", (),
        None, [], "",
    )  # fmt: skip
    found = Page(page("run", "", classes(content)))
    assert ["class 3", "class 7", "12", "75.0%"] in found.cells
    assert ["class 5", "class 0", "1", "20.0%"] in found.cells
    assert not [a for a in found.all("td") if "data-n" in a]
    few = dataclasses.replace(
        content, labels=labels[:9], metrics={"confusion": confusion[:9, :9].tolist()}
    )
    cells = Page(page("run", "", classes(few))).all("td")
    counts = [int(cell["data-n"]) for cell in cells if "data-n" in cell]
    assert sum(counts) == confusion[:9, :9].sum()


def test_percents_add_up():
    assert percents([0.334, 0.008, 0.658]) == ["33%", "1%", "66%"]
    assert percents([0.3295, 0.006, 0.6645]) == ["33%", "1%", "66%"]
    assert percents([1 / 3] * 3) == ["34%", "33%", "33%"]
    assert percents([0.0, 1.0]) == ["0%", "100%"]


def test_a_line_above_one_stays_in_the_chart():
    for values in ([1.25, 0.5], [0.2, 0.4]):
        drawn = line_chart({"validation": values}, "cost")
        points = drawn.find("polyline").get("points").split()
        heights = [165 - float(point.split(",")[1]) for point in points]
        expected = [145 * value / max(1, *values) for value in values]
        assert heights == pytest.approx(expected, abs=0.1)


def test_numbers():
    assert cost(12.06) == "12.1 GMACs" and cost(0.0273) == "27.3 MMACs"
    assert cost(0.00341) == "3.41 MMACs" and cost(4e-5) == "0.0400 MMACs"
    assert costs([0.5, 2.0]) == (["0.50", "2.00"], "GMACs")
    assert count(1, "video") == "1 video" and count(4, "class") == "4 classes"
