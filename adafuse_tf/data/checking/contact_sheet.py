"""Many small pictures with names under them, to see what a data set shows."""

import collections
import io
from collections.abc import Iterable, Sequence

from adafuse_tf import files
from adafuse_tf.data.checking.inspection import Inspection

_PICTURES = 48
_COLUMNS = 8
_TILE = 144  # pixels, a picture fits in
_TEXT = 15  # pixels, the height of a line
_GAP = 6
_PAPER, _INK, _PALE = "white", "black", "#666666"


class Pictures:
    """Chooses what a contact sheet shows: the same number of each class.

    Args:
        splits_and_labels: Of all clips, or once each.
    """

    def __init__(self, splits_and_labels: Iterable[tuple[str, str]]):
        classes = collections.Counter(split for split, _ in set(splits_and_labels))
        self._per_class = {k: max(1, _PICTURES // n) for k, n in classes.items()}
        self._taken: collections.Counter = collections.Counter()

    def take(self, split: str, label: str) -> bool:
        """Whether to show the next clip of a split and class."""
        if self._taken[split] >= _PICTURES:
            return False
        if self._taken[split, label] >= self._per_class.get(split, 0):
            return False
        self._taken[split] += 1
        self._taken[split, label] += 1
        return True


def write_contact_sheet(path: str, results: Sequence[Inspection]) -> None:
    """Writes a PNG with the pictures of `results`, sorted by class.

    Args:
        path: The file.
        results: Those with a thumbnail are shown.
    """
    from PIL import Image, ImageDraw, ImageFont

    results = sorted((r for r in results if r.thumbnail), key=lambda r: r.label)
    columns = max(1, min(_COLUMNS, len(results)))
    rows = max(1, -(-len(results) // columns))
    width, height = _TILE + _GAP, _TILE + 2 * _TEXT + _GAP
    sheet = Image.new("RGB", (columns * width + _GAP, rows * height + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    for place, result in enumerate(results):
        left = _GAP + place % columns * width
        top = _GAP + place // columns * height
        picture = Image.open(io.BytesIO(result.thumbnail))
        scale = _TILE / max(picture.size)
        size = [max(1, round(side * scale)) for side in picture.size]
        picture = picture.resize(size, Image.Resampling.BILINEAR)
        below = top + _TILE
        sheet.paste(picture, (left + (_TILE - size[0]) // 2, below - size[1]))
        name = result.name.rsplit("/", 1)[-1]
        for line, (text, color) in enumerate([(result.label, _INK), (name, _PALE)]):
            text = _fit(text, font)
            draw.text((left, below + line * _TEXT), text, color, font)
    with files.open_file(path, "wb") as file:
        sheet.save(file, "PNG")


def _fit(text: str, font) -> str:
    """Cuts a text to the width of a tile."""
    if font.getlength(text) <= _TILE:
        return text
    while text and font.getlength(text + "…") > _TILE:
        text = text[:-1]
    return text + "…"
