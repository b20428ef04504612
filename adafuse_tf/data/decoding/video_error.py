"""The error for videos that cannot be read."""

from adafuse_tf import files


class VideoError(ValueError):
    """A video file, or folder of frames, that cannot be read completely.

    Attributes:
        path: The file or folder.
        cause: What is wrong with it, in one line.
    """

    def __init__(self, path: files.PathLike, cause: str):
        self.path = str(path)
        self.cause = cause
        super().__init__(f"Cannot read the video {path}: {cause}")

    def __reduce__(self):
        # So that it survives the way from one process to another.
        return type(self), (self.path, self.cause)


def no_such_frame(path: str, index: int, count: int) -> VideoError:
    """The error for a frame past the end."""
    return VideoError(path, f"it has {count} frames, there is none of index {index}")


def read_errors() -> tuple[type[Exception], ...]:
    """What may be raised when bytes of a video are missing or make no sense."""
    import av

    return av.error.FFmpegError, OSError
