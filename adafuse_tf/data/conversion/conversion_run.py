"""The begin and the end of a conversion, whoever does the work between."""

import dataclasses
import json
import sys
import time
from collections.abc import Sequence

from adafuse_tf import files
from adafuse_tf.data import dataset_info
from adafuse_tf.data.conversion import shard_files
from adafuse_tf.data.conversion.encode_item import crashed
from adafuse_tf.data.conversion.shards import Encoding, Shard, plan_shards
from adafuse_tf.data.item import Item, training_labels

REPORT_FILE = "report.json"


@dataclasses.dataclass(frozen=True)
class Conversion:
    """What `convert` did.

    Attributes:
        info: The dataset that was written.
        bad: Name and cause of every video that could not be read.
        num_new: Videos read by this call; those of earlier shards that were kept do
            not count.
        seconds: Time taken.
    """

    info: dataset_info.DatasetInfo
    bad: dict[str, str]
    num_new: int
    seconds: float


class ConversionRun:
    """A conversion whose missing shards somebody else writes.

    Attributes:
        folder: Where the files go.
        missing: Shards that are still to be written.
    """

    def __init__(
        self,
        items: Sequence[Item],
        output_dir: files.PathLike,
        num_shards: int,
        encoding: Encoding,
        progress: bool,
    ):
        self._start = time.monotonic()
        self._encoding = encoding
        self.folder = str(output_dir)
        self._labels = training_labels(items)
        self._shards = plan_shards(items, self._labels, num_shards, encoding)
        files.make_dirs(self.folder)
        others = shard_files.clean(self.folder, self._shards)
        kept = shard_files.present(self.folder, self._shards)
        self.missing = [
            s for s in self._shards if s.file not in kept or _try_again(s, kept)
        ]
        if progress:
            number = len(self._shards) - len(self.missing)
            _say_what_is_kept(number, len(self._shards), others, self.folder)

    def finish(self) -> Conversion:
        """Publishes the shards, which are all there now."""
        found = shard_files.present(self.folder, self._shards)
        bad = {k: v for s in self._shards for k, v in found[s.file].bad.items()}
        total = sum(len(s.items) for s in self._shards)
        if len(bad) == total:
            shard_files.clean(self.folder, [])
            raise ValueError(
                f"None of the {total} videos could be read, the first: "
                f"{next(iter(bad.values()))}"
            )
        shard_files.publish(self.folder, self._shards)
        info = self._info(found)
        dataset_info.save_dataset_info(info, self.folder)
        shard_files.remove_others(self.folder, self._shards)
        num_new = sum(len(s.items) for s in self.missing)
        seconds = time.monotonic() - self._start
        result = Conversion(info, bad, num_new, seconds)
        _write_report(self.folder, result)
        return result

    def _info(self, found) -> dataset_info.DatasetInfo:
        splits: dict[str, dataset_info.SplitInfo] = {}
        for split in dict.fromkeys(shard.split for shard in self._shards):
            members = [s.file for s in self._shards if s.split == split]
            counts = [found[file].clips_per_label for file in members]
            per_label = {k: sum(c.get(k, 0) for c in counts) for k in self._labels}
            splits[split] = dataset_info.SplitInfo(
                sum(per_label.values()), tuple(members), per_label
            )
        return dataset_info.DatasetInfo(
            tuple(self._labels), splits, **dataclasses.asdict(self._encoding)
        )


def _try_again(shard: Shard, results: dict[str, shard_files.ShardResult]) -> bool:
    """Whether a video could not be read that may be readable now.

    The fingerprint tells when a local one was repaired. It does not know of remote
    ones, nor why a process died: perhaps the machine had no memory left.
    """
    bad = results[shard.file].bad
    return any(
        files.is_remote(item.path) or bad[item.name] == crashed(item)
        for item in shard.items
        if item.name in bad
    )


def _say_what_is_kept(kept: int, total: int, others: bool, folder: str) -> None:
    if kept:
        rest = "nothing is left to do" if kept == total else "converting the rest"
        text = f"{kept} of {total} shards are there already, of the same videos with "
        text += f"the same arguments; {rest}"
    elif others or files.exists(files.join(folder, shard_files.SHARDS_FILE)):
        text = f"What is in {folder} was made from other videos or with other "
        text += "arguments; converting everything anew"
    else:
        return
    print(text, file=sys.stderr)


def _write_report(folder: str, result: Conversion) -> None:
    report = {
        "num_clips": sum(s.num_clips for s in result.info.splits.values()),
        "num_bad": len(result.bad),
        "bad": [{"path": name, "error": text} for name, text in result.bad.items()],
    }
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    files.write_text(files.join(folder, REPORT_FILE), text)
