"""What the header of a compressed frame tells without decoding it."""

import re

# By codec, the containers in which each packet holds one frame.
_ONE_FRAME_EACH = {
    "h264": {"mov", "matroska"},
    "mpeg4": {"mov", "matroska", "avi"},
    "vp8": {"matroska"},
    "vp9": {"matroska"},
}
_VOP = b"\x00\x00\x01\xb6"  # starts a frame in MPEG-4
# A frame that says "as the one before" is shorter than this; it is not decoded.
_MIN_VOP_PACKET = 16
_H264_SLICES = range(1, 6)
_H264_IDR = 5
_VP8_SHOWN = 1 << 4


class NotCountable(Exception):
    """The packets of a video do not tell which frames they hold."""


def check_countable(container, stream) -> None:
    """Raises `NotCountable` where packets and frames need not go together."""
    containers = _ONE_FRAME_EACH.get(stream.codec_context.name, set())
    if containers.isdisjoint(container.format.name.split(",")):
        raise NotCountable


def opens_group(packet) -> bool:
    """Whether later packets can be decoded without those before this one."""
    if not packet.is_keyframe:
        return False
    context = packet.stream.codec_context
    # An H.264 keyframe may as well be one to recover from gradually.
    return context.name != "h264" or _H264_IDR in _h264_units(packet, context)


def is_hidden(packet) -> bool:
    """Whether a packet is there for other frames to refer to, and not to be shown."""
    if packet.stream.codec_context.name == "vp8" and packet.size:
        return not bytes(packet)[0] & _VP8_SHOWN
    return packet.is_discard


def shows_frame(packet) -> bool:
    """Whether a frame comes out of a packet.

    Raises:
        NotCountable: There may be more than one frame, or one with no time.
    """
    if is_hidden(packet):
        return False
    if packet.pts is None:
        raise NotCountable
    context = packet.stream.codec_context
    if context.name == "h264":
        return any(u in _H264_SLICES for u in _h264_units(packet, context))
    if context.name == "mpeg4":
        if packet.size < _MIN_VOP_PACKET or bytes(packet).count(_VOP) != 1:
            raise NotCountable
    return True


def _h264_units(packet, context) -> list[int]:
    """Types of the units in an H.264 packet."""
    data = bytes(packet)
    header = context.extradata or b""
    if header[:1] != b"\x01":
        # Units between start codes.
        return [data[m.end()] & 31 for m in re.finditer(b"\x00\x00\x01(?=.)", data, 16)]
    width = (header[4] & 3) + 1  # each unit follows its length
    units, at = [], 0
    while at + width < len(data):
        units.append(data[at + width] & 31)
        at += width + int.from_bytes(data[at : at + width], "big")
    return units
