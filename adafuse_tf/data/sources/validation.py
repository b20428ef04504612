"""What must hold between the items of a data set, whatever format they came in."""

import dataclasses
import functools
import os
from collections.abc import Iterable, Sequence

from adafuse_tf import files
from adafuse_tf.data.item import TRAIN_SPLIT, Item, training_labels

DUPLICATE = "duplicate"
UNKNOWN_LABEL = "unknown_label"
NO_TRAINING_SPLIT = "no_training_split"


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a list of items.

    Attributes:
        kind: `DUPLICATE`, `UNKNOWN_LABEL`, `NO_TRAINING_SPLIT`, or what is wrong with
            a video (see `check`).
        name: Name of the item that it shows in, empty for the list as a whole.
        message: One line for people.
    """

    kind: str
    name: str
    message: str

    @property
    def contradiction(self) -> bool:
        """Whether the list of items contradicts itself, whatever is in the videos."""
        return self.kind in (DUPLICATE, UNKNOWN_LABEL, NO_TRAINING_SPLIT)


def problems(items: Iterable[Item]) -> list[Problem]:
    """Returns all that is wrong with items, in their order; reads no video."""
    items = list(items)
    found = []
    known: list[str] = []
    try:
        known = training_labels(items)
    except ValueError as error:
        found.append(Problem(NO_TRAINING_SPLIT, "", str(error)))
    # A name is what messages show, a path is what is read: neither may come twice.
    names: dict[str, Item] = {}
    paths: dict[str, Item] = {}
    real_path = _RealPath()
    for item in items:
        path = real_path(item.path)
        other = names.get(item.name) or paths.get(path)
        names.setdefault(item.name, item)
        paths.setdefault(path, item)
        if other is not None:
            text = (
                f"{item.name!r} (split {item.split!r}) is listed already, as "
                f"{other.name!r} of the split {other.split!r}; list every video once"
            )
            found.append(Problem(DUPLICATE, item.name, text))
        if known and item.label not in known:
            text = (
                f"the split {item.split!r} has the label {item.label!r}, which the "
                f"split {TRAIN_SPLIT!r} lacks. Received: path={item.name!r}"
            )
            found.append(Problem(UNKNOWN_LABEL, item.name, text))
    return found


def require_sound(items: Sequence[Item], source: str) -> None:
    """Raises for the first of `problems`.

    Args:
        items: What was read.
        source: Where it was read, a file or folder; begins the message.

    Raises:
        ValueError: There is a problem, or there are no items.
    """
    if not items:
        raise ValueError(f"{source} lists no videos.")
    for problem in problems(items):
        raise ValueError(f"{source}: {problem.message}")


class _RealPath:
    """`os.path.realpath` of many local files in few folders; URLs stay."""

    def __init__(self):
        self._folder = functools.cache(os.path.realpath)

    def __call__(self, path: str) -> str:
        if files.is_remote(path):
            return path
        folder, name = os.path.split(path)
        if name in ("", os.curdir, os.pardir) or os.path.islink(path):
            return os.path.realpath(path)
        return os.path.join(self._folder(folder), name)
