"""Record files as they come into being: written, finished, published.

A shard is written as `<file>.incomplete`, gets the name `<file>.finished` when it is
whole, and its own when all of its dataset are finished: until then an earlier dataset
in the folder can be used. What a shard was made from is noted along the way, so that a
conversion that was cut off need not do it again.
"""

import collections
import dataclasses
import json
from collections.abc import Iterable, Sequence

from adafuse_tf import files
from adafuse_tf.data.conversion.shards import Shard

SHARDS_FILE = "shards.json"
_INCOMPLETE = ".incomplete"
_FINISHED = ".finished"
_NOTE = ".finished.json"


@dataclasses.dataclass(frozen=True)
class ShardResult:
    """What became of a shard.

    Attributes:
        fingerprint: That of the `Shard`.
        clips_per_label: Clips in the file; labels without clips are left out.
        bad: Name and cause of every video that could not be read.
    """

    fingerprint: str
    clips_per_label: dict[str, int]
    bad: dict[str, str]


def write_shard(folder: str, shard: Shard, clips: Iterable[bytes | str]) -> ShardResult:
    """Writes a shard.

    Args:
        folder: Where it goes.
        shard: What to write.
        clips: For each of its items the serialised clip, or what is wrong with it.

    Raises:
        OSError: It cannot be written there.
    """
    counts: collections.Counter = collections.Counter()
    bad = {}
    target = files.join(folder, shard.file)
    with files.record_writer(target + _INCOMPLETE) as writer:
        for item, clip in zip(shard.items, clips, strict=True):
            if isinstance(clip, str):
                bad[item.name] = clip
            else:
                writer.write(clip)
                counts[item.label] += 1
    if not counts:  # TensorFlow leaves out an empty file in a bucket
        files.write_text(target + _INCOMPLETE, "")
    result = ShardResult(shard.fingerprint, dict(sorted(counts.items())), bad)
    # The note comes last: without it the file does not count.
    files.replace(target + _INCOMPLETE, target + _FINISHED)
    _write_json(target + _NOTE, dataclasses.asdict(result))
    return result


def clean(folder: str, shards: Sequence[Shard]) -> bool:
    """Deletes unpublished files that are of no use to `shards`; whether any were."""
    useful = set()
    for shard in shards:
        if _unpublished(folder, shard):
            useful |= {shard.file + _FINISHED, shard.file + _NOTE}
    endings = (_INCOMPLETE, _FINISHED, _NOTE)
    stale = [n for n in files.list_dir(folder) if n.endswith(endings)]
    stale = [n for n in stale if n not in useful]
    for name in stale:
        files.remove(files.join(folder, name))
    return any(name.endswith(_NOTE) for name in stale)


def present(folder: str, shards: Sequence[Shard]) -> dict[str, ShardResult]:
    """Returns the results of the shards that are there already, by file."""
    published = _published(folder)
    found = {}
    for shard in shards:
        result = _unpublished(folder, shard)
        if result is None and files.exists(files.join(folder, shard.file)):
            result = _matching(published.get(shard.file), shard)
        if result is not None:
            found[shard.file] = result
    return found


def publish(folder: str, shards: Sequence[Shard]) -> None:
    """Gives finished shards their names; all of `shards` are there."""
    results = present(folder, shards)
    fresh = [shard.file for shard in shards if _unpublished(folder, shard)]
    notes = _published(folder)
    # Should this be cut off, no note may speak of a file that has been replaced.
    _write_published(folder, {k: v for k, v in notes.items() if k not in fresh})
    for file in fresh:
        target = files.join(folder, file)
        files.replace(target + _FINISHED, target)
        files.remove(target + _NOTE)
    for file, result in results.items():
        notes[file] = dataclasses.asdict(result)
    _write_published(folder, notes)


def remove_others(folder: str, shards: Sequence[Shard]) -> None:
    """Deletes shards of earlier conversions, nothing that others put there."""
    notes = _published(folder)
    names = [shard.file for shard in shards]
    for file in set(notes) - set(names):
        files.remove(files.join(folder, file))
    _write_published(folder, {file: notes[file] for file in names})


def _unpublished(folder: str, shard: Shard) -> ShardResult | None:
    target = files.join(folder, shard.file)
    if not files.exists(target + _NOTE) or not files.exists(target + _FINISHED):
        return None
    return _matching(_read_json(target + _NOTE), shard)


def _matching(note: dict | None, shard: Shard) -> ShardResult | None:
    if not note or note.get("fingerprint") != shard.fingerprint:
        return None
    return ShardResult(**note)


def _published(folder: str) -> dict[str, dict]:
    path = files.join(folder, SHARDS_FILE)
    return (_read_json(path) or {}) if files.exists(path) else {}


def _write_published(folder: str, notes: dict[str, dict]) -> None:
    _write_json(files.join(folder, SHARDS_FILE), notes)


def _read_json(path: str) -> dict | None:
    """`None` for a file that was cut off while it was written."""
    try:
        return json.loads(files.read_text(path))
    except ValueError:
        return None


def _write_json(path: str, value: dict) -> None:
    files.write_text(path, json.dumps(value, indent=1) + "\n")
