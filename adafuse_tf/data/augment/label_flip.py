"""What a mirrored clip shows: pairs of classes that tell left from right."""

import difflib
from collections.abc import Mapping, Sequence

# No class of that name: such a clip must not be mirrored.
NO_MIRROR_IMAGE = -1

_SOMETHING = {
    "Pulling something from left to right": "Pulling something from right to left",
    "Pushing something from left to right": "Pushing something from right to left",
    "Turning the camera left while filming something": (
        "Turning the camera right while filming something"
    ),
}

# Each pair once; it holds in both directions. All other classes of these data sets
# look the same in a mirror. Something-Something has the same 174 names in versions 1
# and 2.
MIRROR_PAIRS = {
    "something_v1": _SOMETHING,
    "something_v2": _SOMETHING,
    "jester": {
        "Sliding Two Fingers Left": "Sliding Two Fingers Right",
        "Swiping Left": "Swiping Right",
        "Turning Hand Clockwise": "Turning Hand Counterclockwise",
    },
}


def mirrored_labels(
    table: str | Mapping[str, str], labels: Sequence[str]
) -> tuple[int, ...]:
    """Returns what each label becomes when its clips are mirrored left to right.

    Args:
        table: A key of `MIRROR_PAIRS`, or pairs of your own such as
            `{"pan left": "pan right"}`; each pair holds in both directions.
        labels: Class names of the data set in the order of their indices.

    Returns:
        For `Augmentation(flip_labels=...)`, an index for each of `labels`: that of its
        partner, its own where it has none, and `NO_MIRROR_IMAGE` where a ready-made
        table names a partner that this data set lacks.

    Raises:
        ValueError: The table is unknown, names a class twice, or does not go with
            `labels`.
    """
    pairs = mirror_pairs(table)
    if isinstance(table, str):
        if not any(name in labels for pair in pairs.items() for name in pair):
            raise ValueError(
                f"No label of this data set is in the table {table!r}, such as "
                f"{next(iter(pairs))!r}; give pairs of your own, or none. "
                f"Received: labels={list(labels)}"
            )
    else:
        for name in (name for pair in pairs.items() for name in pair):
            if name not in labels:
                close = difflib.get_close_matches(name, labels, n=1)
                hint = f" Did you mean {close[0]!r}?" if close else ""
                raise ValueError(
                    "A pair of mirrored labels must be labels of this data set."
                    f"{hint} Received: {name!r}, not among {list(labels)}"
                )
    partner = {**pairs, **{right: left for left, right in pairs.items()}}
    index = {name: number for number, name in enumerate(labels)}
    return tuple(
        index.get(partner[name], NO_MIRROR_IMAGE) if name in partner else number
        for number, name in enumerate(labels)
    )


def mirror_pairs(table: str | Mapping[str, str]) -> dict[str, str]:
    """Returns a ready-made table, or checks one of the user's own.

    Raises:
        ValueError: No such table, an empty one, or a class in it twice.
    """
    if isinstance(table, str):
        if table not in MIRROR_PAIRS:
            raise ValueError(
                f"The tables of mirrored labels are {sorted(MIRROR_PAIRS)}; or give "
                f"pairs of your own. Received: {table!r}"
            )
        return dict(MIRROR_PAIRS[table])
    if not table:
        raise ValueError(
            f"A table of mirrored labels needs pairs of them. Received: {table!r}"
        )
    seen = set()
    for name in (name for pair in table.items() for name in pair):
        if name in seen:
            raise ValueError(
                "A class has one mirror image; list each pair once. "
                f"Received: {name!r} twice in {dict(table)}"
            )
        seen.add(name)
    return dict(table)
