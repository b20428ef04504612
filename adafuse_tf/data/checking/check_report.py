"""What a check found: as JSON, as a page to read, as pictures."""

import collections
import dataclasses
import json
from collections.abc import Sequence

import numpy as np

from adafuse_tf import files
from adafuse_tf.data.checking.contact_sheet import write_contact_sheet
from adafuse_tf.data.checking.inspection import Inspection
from adafuse_tf.data.item import TRAIN_SPLIT
from adafuse_tf.data.sources.validation import Problem

REPORT_FILE = "check.json"
PAGE_FILE = "check.md"
SHEET_FILE = "contact_sheet_{split}.png"

_BINS = 10
_BAR = 40  # characters


@dataclasses.dataclass(frozen=True)
class CheckReport:
    """The result of `check_items` or `check_records`.

    Attributes:
        inspections: Of every item or clip.
        problems: What makes them bad.
        notices: What may be on purpose: the same pictures twice.
        max_bad: Bad ones to put up with.
        num_lost: Clips that a damaged record file took with it.
    """

    inspections: tuple[Inspection, ...]
    problems: tuple[Problem, ...]
    notices: tuple[Problem, ...] = ()
    max_bad: int = 0
    num_lost: int = 0

    @property
    def num_bad(self) -> int:
        """Items with a problem, and clips that are lost."""
        known = {result.name for result in self.inspections}
        return len({p.name for p in self.problems} & known) + self.num_lost

    @property
    def fit(self) -> bool:
        """Whether training can start: no more bad items than allowed.

        A list of videos that contradicts itself is not fit, however few they are, nor
        is one with nothing to train on or nothing to measure the accuracy on.
        """
        contradiction = any(p.contradiction for p in self.problems)
        few = self.num_bad <= self.max_bad
        return few and not contradiction and not self._lacking()

    def to_dict(self) -> dict:
        """Everything but the pictures, ready for JSON."""
        return {
            "fit": self.fit,
            "num_items": len(self.inspections),
            "num_bad": self.num_bad,
            "max_bad": self.max_bad,
            "splits": {name: _statistics(part) for name, part in self._splits()},
            "problems": [dataclasses.asdict(p) for p in self.problems],
            "notices": [dataclasses.asdict(p) for p in self.notices],
        }

    def write(self, folder: files.PathLike, source: str) -> None:
        """Writes `check.json`, `check.md` and a contact sheet per split.

        Args:
            folder: Where to, created if need be.
            source: What was checked, for the heading.
        """
        files.make_dirs(folder)
        values = {"source": source, **self.to_dict()}
        text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
        files.write_text(files.join(folder, REPORT_FILE), text)
        files.write_text(files.join(folder, PAGE_FILE), self.page(source))
        for split, part in self._splits():
            file = SHEET_FILE.format(split=split)
            write_contact_sheet(files.join(folder, file), part)

    def summary(self) -> str:
        """A few lines for the screen; the first problems of each kind."""
        lines = []
        for kind, members in _by_kind((*self.problems, *self.notices)):
            lines += [f"{kind}: {p.name}: {p.message}" for p in members[:5]]
            if len(members) > 5:
                lines.append(f"{kind}: and {len(members) - 5} more")
        for split, part in self._splits():
            good = sum(not result.error for result in part)
            lines.append(f"{split}: {len(part)} videos, {good} readable")
        lines.append(self._verdict())
        return "\n".join(lines)

    def page(self, source: str) -> str:
        """The report as Markdown."""
        lines = [f"# Check of {source}", "", self._verdict(), ""]
        for split, part in self._splits():
            lines += _split_section(split, part)
        for title, members in (("Problems", self.problems), ("Notices", self.notices)):
            if members:
                lines += [f"## {title}", ""]
            for kind, same in _by_kind(members):
                lines += [f"### {kind} ({len(same)})", ""]
                lines += [f"- `{p.name}`: {p.message}" for p in same]
                lines.append("")
        return "\n".join(lines)

    def _verdict(self) -> str:
        fit = "Fit" if self.fit else "NOT fit"
        text = f"{fit} to train on: {len(self.inspections)} videos, {self.num_bad} bad "
        text += f"(up to {self.max_bad} are put up with)"
        return "; ".join([text, *self._lacking()])

    def _lacking(self) -> list[str]:
        splits = {r.split for r in self.inspections if not r.error}
        lacking = []
        if TRAIN_SPLIT not in splits:
            lacking.append(f"nothing readable in the split {TRAIN_SPLIT!r}")
        if not splits - {TRAIN_SPLIT}:
            lacking.append("nothing readable for validation")
        return lacking

    def _splits(self) -> list[tuple[str, list[Inspection]]]:
        splits = collections.defaultdict(list)
        for result in self.inspections:
            splits[result.split].append(result)
        return list(splits.items())


def _statistics(part: Sequence[Inspection]) -> dict:
    good = [result for result in part if not result.error]
    labels = collections.Counter(result.label for result in part)
    sizes = collections.Counter(f"{r.width}x{r.height}" for r in good)
    rates = collections.Counter(f"{r.frame_rate:.5g}" for r in good)
    return {
        "num_items": len(part),
        "num_readable": len(good),
        "items_per_label": dict(sorted(labels.items())),
        "frames": _spread([r.num_frames for r in good]),
        "seconds": _spread(_seconds(good)),
        "frame_sizes": dict(sizes.most_common()),
        "frame_rates": dict(rates.most_common()),
    }


def _seconds(good: Sequence[Inspection]) -> list[float]:
    return [r.num_frames / r.frame_rate for r in good if r.frame_rate > 0]


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    low, middle, high = np.min(values), np.median(values), np.max(values)
    return {
        k: round(float(v), 3)
        for k, v in zip(("min", "median", "max"), (low, middle, high), strict=True)
    }


def _split_section(split: str, part: Sequence[Inspection]) -> list[str]:
    values = _statistics(part)
    good = [result for result in part if not result.error]
    lines = [f"## {split}", ""]
    lines.append(f"{len(part)} videos, {len(good)} readable. Middle frames: ")
    lines[-1] += f"[{SHEET_FILE.format(split=split)}]({SHEET_FILE.format(split=split)})"
    lines += ["", "| | min | median | max |", "|---|---|---|---|"]
    for name in ("frames", "seconds"):
        if values[name]:
            numbers = " | ".join(f"{v:g}" for v in values[name].values())
            lines.append(f"| {name} | {numbers} |")
    lines.append("")
    for name in ("frame_sizes", "frame_rates"):
        most = list(values[name].items())[:5]
        more = len(values[name]) - len(most)
        text = ", ".join(f"{key} ({number})" for key, number in most)
        text += f" and {more} others" if more else ""
        lines.append(f"{name.replace('_', ' ').capitalize()}: {text or 'none'}.  ")
    lines += ["", "Frames per video:", "", "```"]
    lines += _histogram([r.num_frames for r in good])
    lines += ["```", "", "Videos per class:", "", "```"]
    lines += _bars(values["items_per_label"])
    return [*lines, "```", ""]


def _histogram(values: Sequence[int]) -> list[str]:
    if not values:
        return []
    bins = min(_BINS, max(values) - min(values) + 1)
    counts, edges = np.histogram(values, bins)
    return _bars(
        {
            f"{low:.0f}-{high:.0f}": int(n)
            for low, high, n in zip(edges[:-1], edges[1:], counts, strict=True)
        }
    )


def _bars(numbers: dict[str, int]) -> list[str]:
    if not numbers:
        return []
    name = max(map(len, numbers))
    most = max(numbers.values())
    digits = len(str(most))
    return [
        f"{key:>{name}} {n:>{digits}} {'#' * round(_BAR * n / max(most, 1))}".rstrip()
        for key, n in numbers.items()
    ]


def _by_kind(found: Sequence[Problem]) -> list[tuple[str, list[Problem]]]:
    kinds = collections.defaultdict(list)
    for problem in found:
        kinds[problem.kind].append(problem)
    return list(kinds.items())
