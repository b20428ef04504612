"""Views of a trained model that only answer."""

from adafuse_tf.inference.answers import Answers
from adafuse_tf.inference.checks import check_clips
from adafuse_tf.inference.exported import ExportedModel, as_exported, open_exported
from adafuse_tf.inference.profile import Profile, profile
from adafuse_tf.inference.replay import draw_noise, run_with_noise
from adafuse_tf.inference.stream_video import (
    FrameAnswer,
    StreamSummary,
    stream_video,
    stream_videos,
)
from adafuse_tf.inference.video_stream import StreamAnswer, VideoStream

__all__ = [
    "Answers",
    "ExportedModel",
    "FrameAnswer",
    "Profile",
    "StreamAnswer",
    "StreamSummary",
    "VideoStream",
    "as_exported",
    "check_clips",
    "draw_noise",
    "open_exported",
    "profile",
    "run_with_noise",
    "stream_video",
    "stream_videos",
]
