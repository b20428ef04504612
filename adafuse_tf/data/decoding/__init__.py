"""From a video file, or a folder of frames, to pixels; without TensorFlow."""
