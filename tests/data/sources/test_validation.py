import pytest

from adafuse_tf.data import Item
from adafuse_tf.data.sources.validation import problems, require_sound

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


@pytest.mark.parametrize(
    "name",
    ["./1.mp4", "x/../1.mp4", "../v/1.mp4", "x//../1.mp4", "link.mp4", "linked/1.mp4"],
)
def test_one_video_by_two_paths(tmp_path, name):
    folder = tmp_path / "v"
    (folder / "x").mkdir(parents=True)
    (folder / "1.mp4").write_bytes(b"video")
    (folder / "link.mp4").symlink_to("1.mp4")
    (folder / "linked").symlink_to(folder)
    (folder / "x" / "1.mp4").write_bytes(b"another")
    names = ["1.mp4", "x/1.mp4", name]
    items = [Item(f"{folder}/{name}", name, "up", "train") for name in names]
    assert problems(items[:2]) == []
    (problem,) = problems(items)
    assert (problem.kind, problem.name) == ("duplicate", name)
    assert f"{name!r} (split 'train') is listed already, as '1.mp4'" in problem.message


def test_one_folder_of_frames_by_two_paths(tmp_path):
    names = ["1", "1/", "1/."]
    items = [Item(f"{tmp_path}/{name}", name, "up", "train") for name in names]
    assert [p.name for p in problems(items)] == names[1:]


def test_urls_are_taken_by_the_letter():
    names = ["1.mp4", "./1.mp4"]  # two objects of a bucket
    items = [Item(f"s3://bucket/{name}", name, "up", "train") for name in names]
    assert problems(items) == []


def test_without_training_split():
    (problem,) = problems(SOUND[2:])
    assert problem.kind == "no_training_split"
    assert "splits=['validation']" in problem.message


def test_no_items():
    with pytest.raises(ValueError, match="m.csv lists no videos"):
        require_sound([], "m.csv")
