"""What a benchmark leaves behind: one JSON and one Markdown file."""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata

from adafuse_tf import cli, files


def machine() -> dict[str, str]:
    """Processor, cores and versions that the numbers belong to."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "tensorflow": metadata.version("tensorflow"),
        "keras": metadata.version("keras"),
    }


def write_report(output_dir: str, name: str, values: Mapping, text: str) -> str:
    """Writes `<name>.json` and `<name>.md`; the machine is added to both.

    Args:
        output_dir: Folder, made if need be.
        name: Name of the benchmark.
        values: What was measured, ready for JSON.
        text: The same for people, in Markdown.

    Returns:
        The Markdown with the machine in the first line.
    """
    about = machine()
    text = ", ".join(f"{key} {value}" for key, value in about.items()) + "\n\n" + text
    cli.write_json(files.join(output_dir, f"{name}.json"), {"machine": about, **values})
    files.write_text(files.join(output_dir, f"{name}.md"), text + "\n")
    return text


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as a Markdown table; the first column is text, the rest numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _processor() -> str:
    """The name, and what tells processors of the same name apart (Linux on x86)."""
    try:
        lines = files.read_text("/proc/cpuinfo").splitlines()
    except OSError:  # not Linux
        lines = []
    said = {}
    for line in lines:
        key, _, value = line.partition(":")
        said.setdefault(key.strip(), value.strip())
    name = said.get("model name") or platform.processor() or "unknown processor"
    if "cpu family" in said and "model" in said:
        return f"{name} (family {said['cpu family']} model {said['model']})"
    return name
