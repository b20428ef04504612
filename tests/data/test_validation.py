import pytest

from adafuse_tf.data import Item
from adafuse_tf.data.validation import problems, require_sound

SOUND = [
    Item("/v/1.mp4", "1.mp4", "up", "train"),
    Item("/v/2.mp4", "2.mp4", "down", "train"),
    Item("/v/3.mp4", "3.mp4", "up", "validation"),
]


def test_a_sound_list_has_no_problems():
    assert problems(SOUND) == []
    require_sound(SOUND, "m.csv")


@pytest.mark.parametrize(
    "item, kind, text",
    [
        (
            Item("/v/4.mp4", "1.mp4", "up", "validation"),
            "duplicate",
            "'1.mp4' .*'validation'.* listed already, as '1.mp4' of the split 'train'",
        ),
        (
            Item("/v/1.mp4", "./1.mp4", "up", "validation"),
            "duplicate",
            "'./1.mp4' .*listed already, as '1.mp4' of the split 'train'",
        ),
        (
            Item("/v/4.mp4", "4.mp4", "left", "test"),
            "unknown_label",
            "'test' has the label 'left'.*'train' lacks. Received: path='4.mp4'",
        ),
    ],
)
def test_each_problem_is_named(item, kind, text):
    (problem,) = problems([*SOUND, item])
    assert (problem.kind, problem.name) == (kind, item.name)
    assert problem.contradiction
    with pytest.raises(ValueError, match=f"^m.csv: .*{text}"):
        require_sound([*SOUND, item], "m.csv")


def test_all_problems_are_found():
    bad = [Item("/v/1.mp4", "1.mp4", "left", "test")] * 2
    kinds = [problem.kind for problem in problems([*SOUND, *bad])]
    assert kinds == ["duplicate", "unknown_label"] * 2


def test_the_very_same_item_twice():
    (problem,) = problems([*SOUND, SOUND[0]])
    assert problem.kind == "duplicate"


def test_without_training_split():
    (problem,) = problems(SOUND[2:])
    assert problem.kind == "no_training_split"
    assert "splits=['validation']" in problem.message


def test_no_items():
    with pytest.raises(ValueError, match="m.csv lists no videos"):
        require_sound([], "m.csv")
