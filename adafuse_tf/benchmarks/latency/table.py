"""Rows of a benchmark as Markdown and CSV."""

import csv
import io

from adafuse_tf.benchmarks.report import markdown_table

COLUMNS = {
    "network": "network",
    "mix": "keep / reuse / skip as in",
    "runtime": "runtime",
    "threads": "threads",
    "form": "form",
    "ms_per_frame": "ms per frame",
    "gmacs_per_frame": "GMACs per frame",
    "plain_speed_up": "speed-up over TSN",
    "plain_ideal": "ideal",
    "plain_realised": "realised",
    "twin_speed_up": "speed-up over its dense twin",
    "twin_ideal": "ideal",
    "twin_realised": "realised",
    "maps": "handing maps on",
}
_BASES = ("plain", "twin")
_FORMATS = {
    "ms_per_frame": "{:.2f}",
    "gmacs_per_frame": "{:.3f}",
    **{
        f"{base}_{ratio}": "x{:.2f}"
        for base in _BASES
        for ratio in ("speed_up", "ideal")
    },
    **{f"{base}_realised": "{:.0%}" for base in _BASES},
    "maps": "{:.1%}",
}


def as_markdown(rows):
    """A table for people; a dash where a column does not apply."""
    cells = [
        [
            _FORMATS.get(key, "{}").format(row[key])
            if row.get(key) is not None
            else "–"
            for key in COLUMNS
        ]
        for row in rows
    ]
    return markdown_table(list(COLUMNS.values()), cells)


def as_csv(rows):
    """A table for programs; empty where a column does not apply."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(COLUMNS), lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
