"""Something-Something V1 and V2, and Jester, as 20BN published them."""

import json

from adafuse_tf.data.item import TRAIN_SPLIT, VALIDATION_SPLIT, Item
from adafuse_tf.data.sources.place import (
    Place,
    malformed,
    read_lines,
    read_text,
    settle,
    unknown_label,
)

# How the frames were extracted that are published instead of videos.
_FRAME_RATE = {"frame_rate": "12"}
_SPLITS = (TRAIN_SPLIT, VALIDATION_SPLIT)  # the test lists have no labels


def read_something_v1(place: Place) -> list[Item]:
    """Reads lists `id;label`, and a folder of frames per id."""
    return _read_csv(place, "something-something-v1")


def read_jester(place: Place) -> list[Item]:
    """Reads lists `id;label`, and a folder of frames per id."""
    return _read_csv(place, "jester-v1")


def read_something_v2(place: Place) -> list[Item]:
    """Reads JSON lists, and `<id>.webm`, or folders of frames if told their pattern.

    The label is the template without its brackets, as in the list of labels.
    """
    prefix = "something-something-v2"
    labels_file = place.find(f"{prefix}-labels.json", "labels.json")
    labels = _read_json(labels_file, dict)
    items = []
    for split in _SPLITS:
        file = place.find(f"{prefix}-{split}.json", f"{split}.json")
        for number, entry in enumerate(_read_json(file, list), 1):
            try:
                name, template = str(entry["id"]), entry["template"]
                label = template.replace("[", "").replace("]", "")
            except (TypeError, KeyError, AttributeError):
                raise ValueError(
                    f"{file}, entry {number}: expected an object with `id` and "
                    f"`template`. Received: {entry!r}"
                ) from None
            if place.strict and label not in labels:
                raise ValueError(
                    f"{file}, entry {number}: {labels_file} has no such label. "
                    f"Received: label={label!r}"
                )
            pattern = place.frame_pattern
            path = name if pattern else f"{name}.webm"
            items.append(Item(path, name, label, split, frame_pattern=pattern))
    return settle(items, place.roots(f"20bn-{prefix}"), place.annotations)


def _read_csv(place: Place, prefix: str) -> list[Item]:
    labels_file = place.find(f"{prefix}-labels.csv")
    labels = {label for _, label in read_lines(labels_file)}
    pattern = place.frame_pattern or "%05d.jpg"
    items = []
    for split in _SPLITS:
        file = place.find(f"{prefix}-{split}.csv")
        for number, line in read_lines(file):
            name, _, label = line.partition(";")
            if not name or not label:
                raise malformed(file, number, "`id;label`", line)
            if place.strict and label not in labels:
                raise unknown_label(file, number, label, labels_file)
            extra = dict(_FRAME_RATE)
            items.append(Item(name, name, label, split, extra, pattern))
    return settle(items, place.roots(f"20bn-{prefix}"), place.annotations)


def _read_json(path: str, kind: type) -> dict | list:
    try:
        value = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, kind):
        expected = {dict: "an object", list: "an array"}[kind]
        raise ValueError(
            f"{path} must hold {expected}. Received: {type(value).__name__}"
        )
    return value
