"""HMDB51 with its three splits (`testTrainMulti_7030_splits`)."""

from adafuse_tf.data.item import TRAIN_SPLIT, VALIDATION_SPLIT, Item
from adafuse_tf.data.sources.place import Place, malformed, read_lines, settle

# The rest of the videos is in neither split.
_SPLITS = {"0": None, "1": TRAIN_SPLIT, "2": VALIDATION_SPLIT}


def read_hmdb51(place: Place) -> list[Item]:
    """Reads one fold; what is published as its test split is the validation split."""
    ending = f"_test_split{place.fold}.txt"
    paths = place.match(f"*{ending}")
    if not paths:
        raise FileNotFoundError(
            f"The annotation files <class>{ending} are missing, looked in "
            f"{place.folder!r}. Received: annotations={place.annotations!r}"
        )
    items = []
    for file in paths:
        label = file.replace("\\", "/").split("/")[-1].removesuffix(ending)
        for number, line in read_lines(file):
            video, _, kind = line.rpartition(" ")
            video = video.strip()
            if not video or kind not in _SPLITS:
                raise malformed(file, number, "`video.avi` and 0, 1 or 2", line)
            if _SPLITS[kind]:
                name = f"{label}/{video}"
                items.append(Item(name, name, label, _SPLITS[kind]))
    roots = place.roots("hmdb51_org", "hmdb51", "videos")
    return settle(items, roots, place.annotations)
