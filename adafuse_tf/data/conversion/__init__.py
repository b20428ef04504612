"""From videos to record files."""
