"""Whether a video file is whole, told from its packets."""

from adafuse_tf.data.decoding.packets import is_hidden
from adafuse_tf.data.decoding.video_error import VideoError

# Matroska and WebM tell their duration but not how many frames they have, and the last
# frame may be meant to stay; so only a large gap at the end means that it was cut off.
_MISSING_SHARE = 0.1


class PacketCheck:
    """Sees the packets of a video go by, to tell damage and a cut-off end."""

    def __init__(self, path: str, container, stream):
        self._path, self._container = path, container
        self._expected = _declared_packets(container, stream)
        self._end = 0.0  # seconds
        self.packets = 0
        self.hidden = 0

    def see(self, packet) -> None:
        """Takes the next packet.

        Raises:
            VideoError: The container says that the packet is damaged.
        """
        if packet.is_corrupt:
            raise VideoError(
                self._path, f"damaged or cut short at frame {self.packets}"
            )
        self.packets += packet.size > 0
        self.hidden += is_hidden(packet)
        if packet.pts is not None:
            stop = packet.pts + (packet.duration or 0)
            self._end = max(self._end, float(stop * packet.time_base))

    def finish(self) -> None:
        """Takes the end of the file.

        Raises:
            VideoError: Packets are missing.
        """
        if self.packets < self._expected:
            raise VideoError(
                self._path,
                f"cut short: {self.packets} of {self._expected} frames are there",
            )
        duration = _declared_seconds(self._container)
        if self._end < duration * (1 - _MISSING_SHARE):
            raise VideoError(
                self._path, f"cut short: {self._end:.2f} of {duration:.2f} s are there"
            )


def _declared_packets(container, stream) -> int:
    """Packets that the header promises, 0 where it does not tell."""
    index = getattr(stream, "index_entries", None)  # PyAV has it of late
    if stream.frames and index is not None and "mov" in container.format.name:
        # Cutting tools leave frames in the file and edit them out of its index.
        return len(index)
    return stream.frames


def _declared_seconds(container) -> float:
    """Duration of the video as Matroska's header has it, 0 where it does not tell."""
    alone = len(container.streams) == 1  # a sound track may go on for longer
    if "matroska" not in container.format.name or not alone:
        return 0.0
    return (container.duration or 0) / 1e6
