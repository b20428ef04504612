"""Views of a trained model that only answer."""

from adafuse_tf.inference.answers import Answers
from adafuse_tf.inference.checks import check_clips
from adafuse_tf.inference.exported import as_exported, open_exported
from adafuse_tf.inference.gated import GatedView, Mechanism, gated_view, regroup
from adafuse_tf.inference.profile import Profile, profile
from adafuse_tf.inference.replay import draw_noise, run_with_noise
from adafuse_tf.inference.runtimes import ExportedModel
from adafuse_tf.inference.stream_video import (
    FrameAnswer,
    StreamSummary,
    stream_video,
    stream_videos,
)
from adafuse_tf.inference.video_stream import StreamAnswer, VideoStream
from adafuse_tf.models.streaming import state_bytes

__all__ = [
    "Answers",
    "ExportedModel",
    "FrameAnswer",
    "GatedView",
    "Mechanism",
    "Profile",
    "StreamAnswer",
    "StreamSummary",
    "VideoStream",
    "as_exported",
    "check_clips",
    "draw_noise",
    "gated_view",
    "open_exported",
    "profile",
    "regroup",
    "run_with_noise",
    "state_bytes",
    "stream_video",
    "stream_videos",
]
