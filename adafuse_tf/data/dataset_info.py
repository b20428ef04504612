"""What a folder of records holds: its `dataset.json`."""

import dataclasses
import json
from collections.abc import Mapping

from adafuse_tf import files

INFO_FILE = "dataset.json"


@dataclasses.dataclass(frozen=True)
class SplitInfo:
    """One split: its record files and what they hold.

    A file lies in the folder of the `dataset.json`, unless it is a full path or URL.
    """

    num_clips: int
    files: tuple[str, ...]
    clips_per_label: dict[str, int]


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """Labels and splits of a folder of records.

    Attributes:
        labels: Class names; the position is the label index in the records.
        splits: `SplitInfo` by name of the split.
        jpeg_quality: Quality that the frames were encoded with, `None` if unknown.
        short_side: Pixels that the short side was resized to, `None` for original.
        fps: Frames per second that were kept, `None` for all frames.
    """

    labels: tuple[str, ...]
    splits: dict[str, SplitInfo]
    jpeg_quality: int | None = None
    short_side: int | None = None
    fps: float | None = None

    def to_dict(self) -> dict:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping) -> "DatasetInfo":
        values = dict(values)
        values["labels"] = tuple(values["labels"])
        values["splits"] = {
            name: SplitInfo(**{**split, "files": tuple(split["files"])})
            for name, split in values["splits"].items()
        }
        return cls(**values)


def load_dataset_info(path: str) -> DatasetInfo:
    """Loads the `dataset.json` of a folder of records.

    Args:
        path: The folder, its `dataset.json`, or one of the record files in it.

    Raises:
        FileNotFoundError: There is no `dataset.json`.
        ValueError: The file is not one that the conversion writes.
    """
    path = str(path)
    folder = path if files.is_dir(path) else files.parent(path)
    file = files.join(folder, INFO_FILE)
    if not files.exists(file):
        raise FileNotFoundError(
            f"There is no {INFO_FILE} with the records; make them with "
            f"train/prepare_data.py. Received: path={path!r}"
        )
    try:
        return DatasetInfo.from_dict(json.loads(files.read_text(file)))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{file} does not describe a dataset: {error!r}") from error


def save_dataset_info(info: DatasetInfo, folder: str) -> None:
    """Writes `info` as the `dataset.json` of `folder`."""
    text = json.dumps(info.to_dict(), indent=2) + "\n"
    files.write_text(files.join(folder, INFO_FILE), text)


def record_files(data_dir: str, split: str) -> list[str]:
    """Returns the paths of the record files of one split.

    Raises:
        ValueError: There is no such split; the message names those there are.
    """
    info = load_dataset_info(data_dir)
    if split not in info.splits:
        raise ValueError(
            f"{data_dir} has the splits {sorted(info.splits)}. Received: "
            f"split={split!r}"
        )
    return [
        file if files.is_remote(file) else files.join(data_dir, file)
        for file in info.splits[split].files
    ]
