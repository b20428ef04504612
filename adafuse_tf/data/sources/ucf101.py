"""UCF101 with the lists of its recognition task (`ucfTrainTestlist`)."""

from adafuse_tf.data.item import TRAIN_SPLIT, VALIDATION_SPLIT, Item
from adafuse_tf.data.sources.place import (
    Place,
    malformed,
    read_lines,
    settle,
    unknown_label,
)


def read_ucf101(place: Place) -> list[Item]:
    """Reads one fold; what is published as its test list is the validation split."""
    classes_file = place.find("classInd.txt")
    classes = {}
    for number, line in read_lines(classes_file):
        index, _, name = line.partition(" ")
        if not index.isdigit() or not name:
            raise malformed(classes_file, number, "`1 ClassName`", line)
        classes[index] = name
    items = []
    for split, prefix in ((TRAIN_SPLIT, "train"), (VALIDATION_SPLIT, "test")):
        file = place.find(f"{prefix}list{place.fold:02d}.txt")
        for number, line in read_lines(file):
            path, _, index = line.partition(" ")
            label, _, video = path.partition("/")
            if not label or not video:
                raise malformed(file, number, "`Class/video.avi`", line)
            # A train list numbers the classes, too.
            if place.strict and index and label != classes.get(index):
                raise malformed(file, number, f"the class as in {classes_file}", line)
            if place.strict and label not in classes.values():
                raise unknown_label(file, number, label, classes_file)
            items.append(Item(path, path, label, split))
    return settle(items, place.roots("UCF-101", "UCF101"), place.annotations)
