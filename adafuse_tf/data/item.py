"""An item: one video of a data set, and what the data set says about it."""

import dataclasses
from collections.abc import Iterable

TRAIN_SPLIT = "train"
VALIDATION_SPLIT = "validation"
TEST_SPLIT = "test"


@dataclasses.dataclass(frozen=True)
class Item:
    """One video of a data set.

    Attributes:
        path: The video file, or the folder of its frames; may be a URL.
        name: As the source writes it; unique, the media id in records.
        label: Name of the class.
        split: `"train"`, `"validation"`, `"test"`, or a name of a manifest's own.
        extra: Further columns of a manifest, by name.
        frame_pattern: `printf` pattern of the frames' file names, such as
            `"%05d.jpg"`, numbered from 1; `path` is a folder then. `None` for a
            video file.
        num_frames: Frames that there should be, `None` where the source does not say.
    """

    path: str
    name: str
    label: str
    split: str
    extra: dict[str, str] = dataclasses.field(default_factory=dict)
    frame_pattern: str | None = None
    num_frames: int | None = None


def training_labels(items: Iterable[Item]) -> list[str]:
    """Returns the sorted label names of the training split: the class order.

    Raises:
        ValueError: There are no items in the split `"train"`.
    """
    items = list(items)
    labels = sorted({item.label for item in items if item.split == TRAIN_SPLIT})
    if not labels:
        raise ValueError(
            f"There is no item in the split {TRAIN_SPLIT!r}, which defines the "
            f"classes. Received: splits={sorted({item.split for item in items})}"
        )
    return labels
