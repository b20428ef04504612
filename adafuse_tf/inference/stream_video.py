"""A video file as if it came from a camera."""

import dataclasses
import itertools
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from adafuse_tf.data import VideoError, open_video
from adafuse_tf.inference.video_stream import StreamAnswer, VideoStream


@dataclasses.dataclass(frozen=True)
class FrameAnswer:
    """What is known after one frame of a video.

    Attributes:
        frame: Number of the frame in the file, from 0.
        answer: The `StreamAnswer`.
        milliseconds: Time from the decoded frame to the answer.
    """

    frame: int
    answer: StreamAnswer
    milliseconds: float

    def __str__(self) -> str:
        answer = self.answer
        line = (
            f"frame {self.frame}: {answer.label} {answer.probabilities.max():.1%}; "
            f"{self.milliseconds:.1f} ms; {answer.gmacs:.4g} GMACs"
        )
        return line + _shares(answer.policy)


@dataclasses.dataclass(frozen=True)
class StreamSummary:
    """A whole video in one line.

    Attributes:
        path: The file.
        last: The `FrameAnswer` after its last frame.
        num_frames: Frames that were taken.
        milliseconds: Median per frame.
        gmacs: Cost of all of them.
        policy: Shares of `keep`, `reuse` and `skip` over all of them; `None` for a
            model without gates.
    """

    path: str
    last: FrameAnswer
    num_frames: int
    milliseconds: float
    gmacs: float
    policy: dict[str, float] | None

    def __str__(self) -> str:
        answer = self.last.answer
        line = (
            f"{self.path}: {answer.label} {answer.probabilities.max():.1%} after "
            f"{self.num_frames} frames; {self.milliseconds:.1f} ms per frame (median); "
            f"{self.gmacs:.4g} GMACs"
        )
        return line + _shares(self.policy)


def stream_videos(
    stream: VideoStream, paths: Iterable[str | Path], frame_step: int = 1
) -> Iterator[FrameAnswer | StreamSummary | VideoError]:
    """Pushes video files through a stream, one after the other.

    Yields:
        What `stream_video` yields and a `StreamSummary` per file, or the `VideoError`
        of one that cannot be read.
    """
    for path in paths:
        last, times, shares = None, [], []
        try:
            for last in stream_video(stream, path, frame_step):
                times.append(last.milliseconds)
                if last.answer.policy is not None:
                    shares.append(last.answer.policy)
                yield last
        except VideoError as error:
            yield error
            continue
        yield StreamSummary(
            path=str(path),
            last=last,
            num_frames=stream.num_frames,
            milliseconds=float(np.median(times)),
            gmacs=stream.gmacs,
            policy={k: float(np.mean([s[k] for s in shares])) for k in shares[0]}
            if shares
            else None,
        )


def stream_video(
    stream: VideoStream, path: str | Path, frame_step: int = 1
) -> Iterator[FrameAnswer]:
    """Pushes a video file through a stream, frame by frame, from a new start.

    Args:
        stream: Where to push.
        path: The file.
        frame_step: Take every so many frames, for a model that was trained on frames
            farther apart than those of the file.

    Yields:
        A `FrameAnswer` after each frame that was taken.

    Raises:
        VideoError: The file cannot be read, at once or at the frame where it breaks.
        ValueError: `frame_step` is not positive.
    """
    if frame_step < 1:
        raise ValueError(
            f"`frame_step` must be at least 1. Received: frame_step={frame_step}"
        )
    stream.reset()
    with open_video(path) as video:
        taken = itertools.islice(enumerate(video.frames), 0, None, frame_step)
        for number, frame in taken:
            start = time.perf_counter()
            answer = stream.push(frame)
            yield FrameAnswer(number, answer, 1e3 * (time.perf_counter() - start))


def _shares(policy):
    if policy is None:
        return ""
    return f" ({', '.join(f'{name} {share:.0%}' for name, share in policy.items())})"
