"""Video in, tensors out: sources, records, preprocessing and batches of clips.

Names load on first use: worker processes that only read videos, and scripts that check
their flags first, do without TensorFlow.
"""

import importlib

# Module -> the names that it gives to the package.
_EXPORTS = {
    "augmentation": ["Augmentation"],
    "bad_items": ["BadItems", "DataError", "clear_errors"],
    "clips_of_records": ["clips"],
    "clips_of_videos": ["video_clips"],
    "dataset_info": ["DatasetInfo", "SplitInfo", "load_dataset_info", "record_files"],
    "item": ["Item", "training_labels"],
    "label_flip": ["MIRROR_PAIRS", "mirror_pairs", "mirrored_labels"],
    "item_reader": ["count_frames", "open_item", "read_frames"],
    "manifest": ["write_manifest"],
    "mixup": ["mixup_batches"],
    "preprocessing": ["Preprocessing"],
    "record_reader": ["find_files"],
    "sources": ["FORMATS", "read_manifest", "read_source"],
    "sampling": ["Sampler", "random_segment_indices", "segment_indices"],
    "video": ["Video", "VideoError", "open_video", "read_video"],
    "views": ["Views"],
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
