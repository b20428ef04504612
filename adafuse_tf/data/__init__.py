"""Video in, tensors out: manifests, records, preprocessing and batches of clips."""

from adafuse_tf.data.augmentation import Augmentation
from adafuse_tf.data.dataset_info import (
    DatasetInfo,
    SplitInfo,
    load_dataset_info,
    record_files,
)
from adafuse_tf.data.manifest import Item, read_manifest
from adafuse_tf.data.pipeline import clips, damaged_files, find_files
from adafuse_tf.data.preprocessing import Preprocessing
from adafuse_tf.data.sampling import random_segment_indices, segment_indices
from adafuse_tf.data.video import Video, VideoError, open_video, read_video

__all__ = [
    "Augmentation",
    "DatasetInfo",
    "Item",
    "Preprocessing",
    "SplitInfo",
    "Video",
    "VideoError",
    "clips",
    "damaged_files",
    "find_files",
    "load_dataset_info",
    "open_video",
    "random_segment_indices",
    "read_manifest",
    "read_video",
    "record_files",
    "segment_indices",
]
