import pytest

from adafuse_tf.data import MIRROR_PAIRS, mirrored_labels
from adafuse_tf.data.augment.label_flip import NO_MIRROR_IMAGE

LABELS = ("pan_left", "pan_right", "tilt_up", "zoom_in")


@pytest.mark.parametrize("name", MIRROR_PAIRS)
def test_ready_made_tables_exchange_what_tells_left_from_right(name):
    words = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}
    words |= {"Clockwise": "Counterclockwise"}
    for one, other in MIRROR_PAIRS[name].items():
        expected = [words.get(word, word) for word in one.split(" ")]
        assert other == " ".join(expected)
        assert one != other


@pytest.mark.parametrize("name", MIRROR_PAIRS)
def test_ready_made_tables_are_symmetric(name):
    labels = [label for pair in MIRROR_PAIRS[name].items() for label in pair]
    labels.insert(2, "something without a direction")
    mirrored = mirrored_labels(name, labels)
    assert [mirrored[i] for i in mirrored] == list(range(len(labels)))
    assert [i for i, other in enumerate(mirrored) if i == other] == [2]


def test_pairs_of_ones_own_hold_in_both_directions():
    assert mirrored_labels({"pan_right": "pan_left"}, LABELS) == (1, 0, 2, 3)


def test_a_ready_made_table_may_know_more_classes_than_the_data():
    labels = ["Swiping Right", "Swiping Left", "Thumb Up"]
    assert mirrored_labels("jester", labels) == (1, 0, 2)


def test_a_class_without_its_partner_is_not_to_be_mirrored():
    labels = ["Swiping Right", "Thumb Up"]
    assert mirrored_labels("jester", labels) == (NO_MIRROR_IMAGE, 1)


@pytest.mark.parametrize(
    "table, match",
    [
        ("something", r"\['jester', 'something_v1'.*Received: 'something'"),
        ("jester", "No label of this data set is in the table 'jester'.*pan_left"),
        ({}, "needs pairs.*Received: {}"),
        ({"pan_left": "pan_rihgt"}, "Did you mean 'pan_right'.*'pan_rihgt'"),
        ({"pan_left": "tilt_up", "pan_right": "tilt_up"}, "'tilt_up' twice"),
        ({"pan_left": "pan_right", "pan_right": "pan_left"}, "'pan_right' twice"),
        ({"pan_left": "pan_left"}, "'pan_left' twice"),
    ],
)
def test_wrong_tables(table, match):
    with pytest.raises(ValueError, match=match):
        mirrored_labels(table, LABELS)
