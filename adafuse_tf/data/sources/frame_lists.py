"""Lists `path num_frames label` over folders of frames, as TSN, TSM and AdaFuse use."""

import re

from adafuse_tf.data.item import TEST_SPLIT, TRAIN_SPLIT, VALIDATION_SPLIT, Item
from adafuse_tf.data.sources.place import (
    Place,
    malformed,
    read_lines,
    settle,
    unknown_label,
)

_SPLITS = {"train": TRAIN_SPLIT, "val": VALIDATION_SPLIT, "test": TEST_SPLIT}
_REQUIRED = ("train", "val")
_CATEGORIES = re.compile(r"(category|categories|classes|labels)\.txt$")
# From the end: a path may have spaces in it.
_LINE = re.compile(r"(?P<path>.+?)[ \t;,]+(?P<frames>\d+)[ \t;,]+(?P<label>\d+)")


def read_frame_lists(place: Place) -> list[Item]:
    """Reads `*train*.txt`, `*val*.txt` and, if there, `*test*.txt`.

    Labels are numbers from 0: lines of the category file, if there is one.
    """
    categories_file = next(
        (path for path in place.match("*.txt") if _CATEGORIES.search(path)), None
    )
    categories = None
    if categories_file:
        categories = [label for _, label in read_lines(categories_file)]
    items = []
    for word, split in _SPLITS.items():
        file = _list_file(place, word)
        for number, line in read_lines(file) if file else ():
            match = _LINE.fullmatch(line)
            if not match:
                raise malformed(file, number, "`path num_frames label`", line)
            label = match["label"]
            if categories is not None:
                if int(label) >= len(categories):
                    raise unknown_label(file, number, label, categories_file)
                label = categories[int(label)]
            items.append(
                Item(
                    match["path"],
                    match["path"],
                    label,
                    split,
                    frame_pattern=place.frame_pattern or "%05d.jpg",
                    num_frames=int(match["frames"]),
                )
            )
    return settle(items, place.roots("frames"), place.annotations)


def _list_file(place: Place, word: str) -> str | None:
    found = place.match(f"*{word}*.txt")
    if len(found) > 1:  # such as ucf101_rgb_train_split_1.txt
        found = [f for f in found if re.search(rf"\D0*{place.fold}\.txt$", f)]
        if len(found) != 1:
            raise ValueError(
                f"There are several lists *{word}*.txt; pass the files to use, with "
                f"commas between them. Received: annotations={place.annotations!r}, "
                f"fold={place.fold}"
            )
    if not found and word in _REQUIRED:
        raise FileNotFoundError(
            f"The list *{word}*.txt is missing, looked in {place.folder!r}. Received: "
            f"annotations={place.annotations!r}"
        )
    return found[0] if found else None
