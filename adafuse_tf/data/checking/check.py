"""Is a data set fit to train on? A look at every video, or every clip of records."""

import sys
from collections.abc import Iterable, Sequence

from tqdm import tqdm

from adafuse_tf import files
from adafuse_tf.data.checking import inspection
from adafuse_tf.data.checking.check_report import CheckReport
from adafuse_tf.data.checking.contact_sheet import Pictures
from adafuse_tf.data.checking.inspection import Inspection
from adafuse_tf.data.dataset_info import load_dataset_info, record_files
from adafuse_tf.data.item import Item
from adafuse_tf.data.sources.validation import Problem, problems
from adafuse_tf.data.worker_processes import map_in_processes

BROKEN = "broken"
EMPTY = "empty"
TOO_SHORT = "too_short"
WRONG_COUNT = "wrong_count"
BROKEN_FILE = "broken_file"
SAME_PICTURES = "same_pictures"

# How the causes begin that mean there is nothing in it.
_NOTHING = ("the file is empty", "no frame could be decoded", "there are no frames")


def check_items(
    items: Sequence[Item],
    *,
    min_frames: int = 1,
    max_bad: int = 0,
    workers: int | None = None,
    progress: bool = False,
) -> CheckReport:
    """Decodes every frame of every item and gathers all that is wrong.

    Args:
        items: What `read_source(..., strict=False)` returned.
        min_frames: Shorter videos are too short.
        max_bad: Bad videos to put up with.
        workers: As in `convert`.
        progress: Show a progress bar on stderr.

    Raises:
        ValueError: `min_frames` is not positive, or there are no items.
    """
    if not items:
        raise ValueError("There are no videos to check. Received: items=[]")
    _require_positive(min_frames)
    found = problems(items)
    wanted = Pictures((item.split, item.label) for item in items)
    jobs = [(item, wanted.take(item.split, item.label)) for item in items]
    results = list(
        _progress(
            map_in_processes(_inspect, jobs, workers, _crashed),
            len(items),
            "video",
            progress,
        )
    )
    for item, result in zip(items, results, strict=True):
        found += _problems_of(result, min_frames)
        if not result.error and item.num_frames not in (None, result.num_frames):
            text = f"the source says {item.num_frames} frames, found "
            text += f"{result.num_frames}"
            found.append(Problem(WRONG_COUNT, item.name, text))
    return CheckReport(
        tuple(results), tuple(found), tuple(_same_pictures(results)), max_bad
    )


def check_records(
    folder: files.PathLike,
    *,
    min_frames: int = 1,
    max_bad: int = 0,
    progress: bool = False,
) -> CheckReport:
    """Decodes every frame of every clip in a folder of records.

    Args:
        folder: Folder with a `dataset.json`.
        min_frames, max_bad, progress: As in `check_items`. Clips that are lost because
            a file is damaged are bad, too.

    Raises:
        FileNotFoundError: There is no `dataset.json`.
        ValueError: `min_frames` is not positive, or `dataset.json` is damaged.
    """
    from adafuse_tf.data.checking.inspect_records import inspect_record_file

    _require_positive(min_frames)
    info = load_dataset_info(folder)
    wanted = Pictures(
        (split, label)
        for split, about in info.splits.items()
        for label, number in about.clips_per_label.items()
        if number
    )
    found: list[Problem] = []
    lost = 0

    def inspections():
        nonlocal lost
        for split, about in info.splits.items():
            number = 0
            for path in record_files(folder, split):
                try:
                    for result in inspect_record_file(path, split, info, wanted):
                        number += 1
                        yield result
                except ValueError as error:
                    found.append(Problem(BROKEN_FILE, path, str(error)))
            if number != about.num_clips:
                lost += max(0, about.num_clips - number)
                text = f"dataset.json says {about.num_clips} clips, found {number}"
                found.append(Problem(WRONG_COUNT, f"split {split}", text))

    total = sum(about.num_clips for about in info.splits.values())
    results = []
    for result in _progress(inspections(), total, "clip", progress):
        results.append(result)
        found += _problems_of(result, min_frames)
    return CheckReport(
        tuple(results), tuple(found), tuple(_same_pictures(results)), max_bad, lost
    )


def _progress(results: Iterable, total: int, unit: str, show: bool) -> Iterable:
    # A log is no screen.
    every = 0.1 if sys.stderr.isatty() else 10
    return tqdm(results, total=total, unit=unit, disable=not show, mininterval=every)


def _require_positive(min_frames: int) -> None:
    if min_frames < 1:
        raise ValueError(
            f"`min_frames` must be >= 1. Received: min_frames={min_frames}"
        )


def _inspect(job: tuple[Item, bool]) -> Inspection:
    return inspection.inspect_item(*job)


def _crashed(job: tuple[Item, bool]) -> Inspection:
    return inspection.crashed(job[0])


def _problems_of(result: Inspection, min_frames: int) -> list[Problem]:
    if result.error:
        kind = EMPTY if result.error.startswith(_NOTHING) else BROKEN
        return [Problem(kind, result.name, result.error)]
    if result.num_frames < min_frames:
        text = f"{result.num_frames} frames, at least {min_frames} are needed"
        return [Problem(TOO_SHORT, result.name, text)]
    return []


def _same_pictures(results: Iterable[Inspection]) -> list[Problem]:
    """Videos with the very same frames as an earlier one, whatever their names."""
    first: dict[tuple, Inspection] = {}
    notices = []
    for result in results:
        if result.error:
            continue
        key = (result.digest, result.num_frames, result.width, result.height)
        other = first.setdefault(key, result)
        if other is not result:
            text = f"the same pictures as {other.name!r} of the split {other.split!r}"
            text += f", here in {result.split!r}"
            notices.append(Problem(SAME_PICTURES, result.name, text))
    return notices
