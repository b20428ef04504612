"""Single frames of a video, without decoding all of it.

A video is a row of groups of pictures; each begins with a keyframe and needs nothing of
the groups before. All packets are read, which is cheap, and only the groups that hold a
wanted frame are decoded. Which frames a group holds follows from counting packets, and
the times of the frames that come out must agree with that. Where they do not, or the
format does not allow for it, the whole video is decoded instead: the pixels are those
of `open_video` in any case.
"""

import dataclasses
import itertools
from collections.abc import Collection, Iterator

import numpy as np

from adafuse_tf.data.decoding.packet_check import PacketCheck
from adafuse_tf.data.decoding.packets import (
    NotCountable,
    check_countable,
    opens_group,
    shows_frame,
)
from adafuse_tf.data.decoding.video import decode, open_container, scaled_size, to_array
from adafuse_tf.data.decoding.video_error import VideoError, no_such_frame, read_errors


@dataclasses.dataclass
class _Group:
    """Packets from one keyframe to the next.

    Attributes:
        begin: Index in the video of its first frame.
        after: No frame may be shown before this time.
        packets: In the order of the file.
        times: Of its frames, in display order once it is closed.
    """

    begin: int = 0
    after: int | None = None
    packets: list = dataclasses.field(default_factory=list)
    times: list[int] = dataclasses.field(default_factory=list)

    def add(self, packet) -> None:
        if not self.packets and not opens_group(packet):
            raise NotCountable
        self.packets.append(packet)
        if shows_frame(packet):
            self.times.append(packet.pts)

    def close(self) -> "_Group":
        """Ends the group and returns the next one, still empty."""
        self.times.sort()
        lead = [] if self.after is None else [self.after]
        order = [*lead, *self.times]
        # Its keyframe must come first, else frames before it need the group before.
        if any(a >= b for a, b in itertools.pairwise(order)) or (
            self.times[:1] != [self.packets[0].pts]
        ):
            raise NotCountable
        return _Group(self.begin + len(self.times), self.times[-1])


def read(
    path: str, indices: Collection[int], short_side: int | None = None
) -> dict[int, np.ndarray]:
    """Reads some frames of a video, by index from 0.

    Args:
        path: As for `open_video`.
        indices: Which frames; at least one.
        short_side: As for `open_video`.

    Returns:
        uint8 RGB `[H, W, 3]` by index.

    Raises:
        VideoError: As for `open_video`, or there is no frame of that index.
    """
    try:
        found, num_frames = _read_groups(path, indices, short_side)
    except NotCountable:
        found, num_frames = _read_all(path, indices, short_side)
    if max(indices) >= num_frames:
        raise no_such_frame(path, max(indices), num_frames)
    return found


def count(path: str) -> int:
    """Counts the frames of a video, without decoding it where packets tell.

    Raises:
        VideoError: As for `open_video`.
    """
    try:
        with open_container(path) as (container, stream):
            return sum(len(g.times) for g in _groups(path, container, stream))
    except NotCountable:
        with open_container(path) as (container, stream):
            return sum(1 for _ in decode(path, container, stream))


def _read_all(path, indices, short_side) -> tuple[dict[int, np.ndarray], int]:
    found = {}
    num_frames = 0
    size = None
    with open_container(path) as (container, stream):
        for picture in decode(path, container, stream):
            size = size or scaled_size(picture.width, picture.height, short_side)
            if num_frames in indices:
                found[num_frames] = to_array(picture, size)
            num_frames += 1
    return found, num_frames


def _read_groups(path, indices, short_side) -> tuple[dict[int, np.ndarray], int]:
    found = {}
    num_frames = 0
    first = None
    with open_container(path) as (container, stream):
        context = stream.codec_context
        opened_size = context.width, context.height
        size = scaled_size(*opened_size, short_side)
        for group in _groups(path, container, stream):
            num_frames = group.begin + len(group.times)
            wanted = {k for k in indices if group.begin <= k < num_frames}
            first = first or group.packets[0]
            if wanted and not found:
                # Headers that hold for all may be in the very first packet only.
                context.decode(first)
            for k, picture in _decode_group(path, context, group, wanted):
                if (picture.width, picture.height) != opened_size:
                    raise NotCountable
                found[k] = to_array(picture, size)
    return found, num_frames


def _decode_group(path, context, group, wanted: set[int]) -> Iterator[tuple]:
    """Yields index and picture of the wanted frames of a group."""
    if not wanted:
        return
    context.flush_buffers()
    index = group.begin
    times = iter(group.times)
    try:
        for packet in (*group.packets, None):
            for picture in context.decode(packet):
                if picture.pts != next(times, None) or picture.is_corrupt:
                    raise NotCountable
                if index in wanted:
                    yield index, picture
                if index == max(wanted):
                    return
                index += 1
    except read_errors() as error:
        raise VideoError(path, f"frame {index} fails to decode ({error})") from error
    raise NotCountable


def _groups(path, container, stream) -> Iterator[_Group]:
    """Yields all groups; checks as `decode` does that no packet is missing."""
    check_countable(container, stream)
    check = PacketCheck(path, container, stream)
    group = _Group()
    try:
        for packet in container.demux(stream):
            check.see(packet)
            if not packet.size:
                if packet.dts is None:
                    continue  # what PyAV ends with
                raise NotCountable
            if group.packets and opens_group(packet):
                following = group.close()
                yield group
                group = following
            group.add(packet)
    except read_errors() as error:
        cause = f"fails after {check.packets} frames ({error})"
        raise VideoError(path, cause) from error
    if not group.packets:
        raise VideoError(path, "no frame could be decoded")
    group.close()
    yield group
    check.finish()
