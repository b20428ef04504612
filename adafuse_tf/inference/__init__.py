"""Views of a trained model that only answer."""

from adafuse_tf.inference.checks import check_clips
from adafuse_tf.inference.profile import Profile, profile
from adafuse_tf.inference.replay import draw_noise, run_with_noise

__all__ = ["Profile", "check_clips", "draw_noise", "profile", "run_with_noise"]
