"""Folders of frames, one image file each, numbered from 1."""

import contextlib
import re
from collections.abc import Collection, Iterable, Iterator

import numpy as np

from adafuse_tf import files
from adafuse_tf.data.decoding.video import scaled_size
from adafuse_tf.data.decoding.video_error import VideoError, no_such_frame
from adafuse_tf.data.item import Item

_NUMBER = re.compile(r"%0?\d*d")


def check_pattern(pattern: str) -> str:
    """Returns a `printf` pattern of file names such as `"%05d.jpg"`.

    Raises:
        ValueError: There is not exactly one number in it.
    """
    if len(_NUMBER.findall(pattern)) != 1 or pattern.count("%") != 1:
        raise ValueError(
            "`frame_pattern` must have one place for the number of the frame, such as "
            f"'%05d.jpg'. Received: frame_pattern={pattern!r}"
        )
    return pattern


def frame_files(item: Item) -> list[str]:
    """Returns the paths of the frames of an item that is a folder, in order.

    These are `item.num_frames` files, where that is known, else all.

    Raises:
        VideoError: The folder or a frame is missing.
    """
    pattern = check_pattern(item.frame_pattern)
    if item.num_frames is not None and files.is_remote(item.path):
        # Listing takes its time there, or is not possible; a frame that is missing
        # shows when it is read.
        count = item.num_frames
    else:
        count = _count(item, pattern, _names(item.path))
    if count < 1:
        raise VideoError(item.path, "by its source it has no frames")
    return [files.join(item.path, pattern % (k + 1)) for k in range(count)]


def read(
    item: Item, indices: Collection[int], short_side: int | None
) -> dict[int, np.ndarray]:
    """Reads some frames of an item, by index from 0; else as `to_arrays`.

    Raises:
        VideoError: A frame is missing or damaged, or there is none of that index.
    """
    paths = frame_files(item)
    if max(indices) >= len(paths):
        raise no_such_frame(item.path, max(indices), len(paths))
    with _open_frame(paths[0], item.path) as image:
        size = scaled_size(*image.size, short_side)
    found = {}
    for index in indices:
        with _open_frame(paths[index], item.path) as image:
            found[index] = _to_array(image, size)
    return found


def to_arrays(
    paths: Iterable[str], folder: str, short_side: int | None
) -> Iterator[np.ndarray]:
    """Yields frames as uint8 RGB `[H, W, 3]`, all of the size of the first.

    Raises:
        VideoError: For `folder`, naming a frame that is missing or damaged.
    """
    size = None
    for path in paths:
        with _open_frame(path, folder) as image:
            size = size or scaled_size(*image.size, short_side)
            array = _to_array(image, size)
        yield array


def _to_array(image, size: tuple[int, int]) -> np.ndarray:
    from PIL import Image

    image = image.convert("RGB")
    if image.size != size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(image)


@contextlib.contextmanager
def _open_frame(path: str, folder: str):
    """Yields a Pillow image; what goes wrong with it is a `VideoError`."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Reading frames needs Pillow: pip install 'adafuse_tf[train]'"
        ) from error
    name = path[len(files.join(folder, "")) :]
    try:
        file = files.open_file(path, "rb")
    except FileNotFoundError:
        raise VideoError(folder, f"the frame {name} is missing") from None
    except OSError as error:
        raise VideoError(folder, f"the frame {name}: {error}") from error
    try:
        with file, Image.open(file) as image:
            yield image
    except (OSError, EOFError, SyntaxError, ValueError) as error:
        raise VideoError(folder, f"the frame {name} is damaged ({error})") from error


def _names(folder: str) -> set[str]:
    if not files.is_dir(folder):
        cause = "it is a file" if files.is_file(folder) else "it does not exist"
        raise VideoError(folder, f"a folder of frames was expected, but {cause}")
    try:
        return set(files.list_dir(folder))
    except OSError as error:
        cause = f"its number of frames is not known, and to count them fails: {error}"
        raise VideoError(folder, cause) from error


def _count(item: Item, pattern: str, names: set[str]) -> int:
    """Counts the frames without a gap; raises where more were promised."""
    count = 0
    while pattern % (count + 1) in names:
        count += 1
    before, after = map(re.escape, _NUMBER.split(pattern))
    matching = [n for n in names if re.fullmatch(rf"{before}\d+{after}", n)]
    expected = item.num_frames
    if expected is None:
        # A frame 0, or a gap.
        expected = len(matching)
    if not matching or count < expected:
        raise VideoError(
            item.path,
            f"the frame {pattern % (count + 1)} is missing, {len(matching)} of "
            f"{expected or 'its'} frames are there (the first is number 1)",
        )
    return expected
