"""Video in, tensors out: sources, records, preprocessing and batches of clips.

`sources` lists the videos of a data set, `decoding` reads them, `checking` says whether
they will do, `conversion` makes records of them, and `batching` makes batches of clips,
with the help of `augment` for training. Items, records and numbers that several of them
share are here.

Names load on first use: worker processes that only read videos, and scripts that check
their flags first, do without TensorFlow.
"""

import importlib

# Module -> the names that it gives to the package.
_EXPORTS = {
    "augment.augmentation": ["Augmentation"],
    "augment.label_flip": ["MIRROR_PAIRS", "mirror_pairs", "mirrored_labels"],
    "augment.mixup": ["mixup_batches"],
    "batching.bad_items": ["BadItems", "DataError", "clear_errors"],
    "batching.clips_of_records": ["clips"],
    "batching.clips_of_videos": ["video_clips"],
    "batching.position": ["Position"],
    "batching.record_reader": ["find_files"],
    "batching.views": ["Views"],
    "dataset_info": ["DatasetInfo", "SplitInfo", "load_dataset_info", "record_files"],
    "decoding.item_reader": ["count_frames", "open_item", "read_frames"],
    "decoding.video": ["Video", "VideoError", "open_video", "read_video"],
    "item": ["Item", "training_labels"],
    "preprocessing": ["Preprocessing"],
    "sampling": ["Sampler", "random_segment_indices", "segment_indices"],
    "sources": ["FORMATS", "read_manifest", "read_source"],
    "sources.manifest": ["write_manifest"],
}
_MODULES = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = sorted(_MODULES)


def __getattr__(name):
    if name in _MODULES:
        module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
