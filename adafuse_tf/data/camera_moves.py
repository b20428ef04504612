"""Camera moves: a small labelled video data set made from photographs.

A virtual camera moves over photographs that the scikit-image wheel carries, so the
set is made offline, in seconds. Its eight classes are four pairs of opposite moves.
A still frame tells nothing about its class, and a clip played backwards is a clip of
the opposite class: only a model that puts frames in relation to each other, in their
order, can be right more than half of the time.
"""

import csv
import dataclasses
import math
import os
from concurrent import futures
from pathlib import Path

import numpy as np

PHOTOS = {
    # name in `skimage.data`: (split, licence as stated in scikit-image's docstring)
    "astronaut": ("train", "public domain (NASA)"),
    "brick": ("train", "CC0"),
    "camera": ("train", "CC0 (Lav Varshney)"),
    "coffee": ("train", "CC0 (Rachel Michetti)"),
    "coins": ("train", "no known copyright restrictions (Brooklyn Museum)"),
    "grass": ("train", "CC0 (linolafett)"),
    "hubble_deep_field": ("train", "public domain (NASA)"),
    "chelsea": ("validation", "CC0 (Stefan van der Walt)"),
    "gravel": ("validation", "CC0 (cc0textures.com)"),
    "immunohistochemistry": ("validation", "no known copyright restrictions (CMMI)"),
}

# What the *camera* does, in the axes of the frame (x right, y down): the unit
# velocities of its position (x, y), of the width of its view, and of its roll
# (positive is clockwise). The contents of the frame move the other way.
MOVES = {
    "pan_left": (-1, 0, 0, 0),
    "pan_right": (1, 0, 0, 0),
    "roll_left": (0, 0, 0, -1),
    "roll_right": (0, 0, 0, 1),
    "tilt_down": (0, 1, 0, 0),
    "tilt_up": (0, -1, 0, 0),
    "zoom_in": (0, 0, -1, 0),
    "zoom_out": (0, 0, 1, 0),
}

# Apparent motion from one frame to the next, averaged over the frame's area and as a
# fraction of its width: 6 to 12 pixels in a frame of 64.
_SPEED = (6 / 64, 12 / 64)
# Mean distance of a point of the unit square from its centre: turns a speed into the
# rate of a zoom (log of the width per frame) or of a roll (radians per frame).
_MEAN_RADIUS = 0.3826
# Width of the view in the middle of a zoom, in units of the photo's short side.
_VIEW = (0.15, 0.3)


@dataclasses.dataclass(frozen=True)
class Trajectory:
    """The camera's pose at every frame of a clip.

    Lengths are in units of the photo's short side; beyond its borders the photo
    goes on as its mirror image, without end.

    Attributes:
        x: float64 `[T]`, centre of the view from the photo's left border.
        y: float64 `[T]`, centre of the view from the photo's upper border.
        view: float64 `[T]`, width (and height) of the view.
        angle: float64 `[T]`, roll of the camera in radians, positive is clockwise.
    """

    x: np.ndarray
    y: np.ndarray
    view: np.ndarray
    angle: np.ndarray

    def reversed(self) -> "Trajectory":
        """The same poses, last frame first: a trajectory of the opposite move."""
        return Trajectory(self.x[::-1], self.y[::-1], self.view[::-1], self.angle[::-1])


def draw_trajectory(
    move: str, num_frames: int, rng: np.random.Generator, aspect: float = 1.0
) -> Trajectory:
    """Draws a clip's camera poses.

    The pose of a frame picked at random has the same distribution for every move:
    the centre is uniform over the mirrored tiling, the roll uniform over the circle,
    and moves that do not zoom hold a view on which some zoom passes.

    Args:
        move: One of `MOVES`.
        num_frames: Frames in the clip.
        rng: Where the randomness comes from. Two opposite moves drawn from equal
            generators are each other's reverse.
        aspect: Width of the photo divided by its height.

    Returns:
        A `Trajectory` of `num_frames` poses.

    Raises:
        ValueError: If `move` is unknown or `num_frames` is less than 1.
    """
    if move not in MOVES:
        raise ValueError(f"`move` must be one of {sorted(MOVES)}. Received: {move=}")
    if num_frames < 1:
        raise ValueError(f"`num_frames` must be at least 1. Received: {num_frames=}")
    pan_x, pan_y, zoom, roll = MOVES[move]
    # Every move takes the same draws in the same order. They describe the middle of
    # the clip, from where time runs evenly both ways.
    time = np.arange(num_frames) - (num_frames - 1) / 2
    speed, frozen_speed = rng.uniform(*_SPEED, size=2)
    middle_x = rng.uniform(0, 2 * max(aspect, 1.0))
    middle_y = rng.uniform(0, 2 / min(aspect, 1.0))
    middle_angle = rng.uniform(0, 2 * math.pi)
    middle_log_view = rng.uniform(*np.log(_VIEW))
    frozen_time = rng.choice(time) * rng.choice([-1, 1])

    if zoom:
        log_view = middle_log_view + zoom * speed / _MEAN_RADIUS * time
    else:
        frozen = middle_log_view + frozen_speed / _MEAN_RADIUS * frozen_time
        log_view = np.full(num_frames, frozen)
    view = np.exp(log_view)
    angle = middle_angle + roll * speed / _MEAN_RADIUS * time
    # A pan follows the axes of the frame, which the camera's roll turns.
    step_x = math.cos(middle_angle) * pan_x - math.sin(middle_angle) * pan_y
    step_y = math.sin(middle_angle) * pan_x + math.cos(middle_angle) * pan_y
    x = middle_x + view * speed * step_x * time
    y = middle_y + view * speed * step_y * time
    return Trajectory(x, y, view, angle)


class Photo:
    """A photograph (uint8 `[H, W]` or `[H, W, 3]`) to be looked at from any pose."""

    def __init__(self, pixels: np.ndarray):
        from PIL import Image

        image = Image.fromarray(pixels)
        self.aspect = image.width / image.height
        self._short_side = min(image.size)
        # Smaller copies, half an octave apart, keep wide views free of aliasing.
        self._levels = []
        shrink = 1.0
        while self._short_side / shrink >= 16:
            size = (round(image.width / shrink), round(image.height / shrink))
            level = image.resize(size, Image.Resampling.LANCZOS)
            self._levels.append(np.atleast_3d(np.asarray(level)))
            shrink *= math.sqrt(2)

    def render(self, trajectory: Trajectory, size: int) -> np.ndarray:
        """Renders what the camera sees.

        Args:
            trajectory: The camera's poses.
            size: Width and height of a frame in pixels.

        Returns:
            uint8 `[T, size, size, 3]`.
        """
        poses = zip(
            trajectory.x, trajectory.y, trajectory.view, trajectory.angle, strict=True
        )
        frames = [self._render_frame(*pose, size) for pose in poses]
        frames = np.stack(frames).astype(np.uint8)
        return frames.repeat(3 // frames.shape[-1], axis=-1)

    def _render_frame(self, x, y, view, angle, size) -> np.ndarray:
        zoom = view * self._short_side / size  # photo pixels per frame pixel
        index = round(2 * math.log2(zoom)) if zoom > 1 else 0
        level = self._levels[min(index, len(self._levels) - 1)]
        height, width, channels = level.shape

        # Where the pixels of the frame lie on the photo, then on this level.
        pixel = ((np.arange(size) + 0.5) / size - 0.5) * view
        cos, sin = math.cos(angle), math.sin(angle)
        along_x = x + cos * pixel[None, :] - sin * pixel[:, None]
        along_y = y + sin * pixel[None, :] + cos * pixel[:, None]
        columns, right = _neighbours(along_x / max(self.aspect, 1.0), width)
        rows, lower = _neighbours(along_y * min(self.aspect, 1.0), height)

        # Bilinear interpolation with `take`, which releases the GIL.
        flat = level.reshape(-1, channels)

        def row_of_two(row):
            first, second = (flat.take(row * width + c, axis=0) for c in columns)
            return first + (second - first.astype(np.float32)) * right

        upper_row, lower_row = row_of_two(rows[0]), row_of_two(rows[1])
        return np.rint(upper_row + (lower_row - upper_row) * lower)


def _neighbours(position: np.ndarray, length: int):
    """The two pixels around a position (photo = 0..1), and the second one's share."""
    position = position * length - 0.5
    first = np.floor(position)
    share = (position - first).astype(np.float32)[..., None]
    first = first.astype(np.int64)
    low = first.min()
    # The photo goes on as its mirror image: ... 1 0 | 0 1 2 | 2 1 ...
    tiles = np.arange(low, first.max() + 2) % (2 * length)
    mirrored = np.minimum(tiles, 2 * length - 1 - tiles)
    return (mirrored.take(first - low), mirrored.take(first - low + 1)), share


def write_camera_moves(
    output_dir: str | os.PathLike,
    train_clips: int = 1600,
    validation_clips: int = 320,
    num_frames: int = 8,
    size: int = 64,
    frame_rate: int = 12,
    seed: int = 0,
    workers: int | None = None,
) -> Path:
    """Writes the data set: H.264 videos and a manifest.

    Clips go round the classes and the photographs of their split, so that a multiple
    of 8 gives every class the same number. No photograph is in both splits.

    Args:
        output_dir: Folder to write to; it is made if it does not exist.
        train_clips: Videos in the split `train`.
        validation_clips: Videos in the split `validation`.
        num_frames: Frames per video.
        size: Width and height of a video in pixels, even.
        frame_rate: Frames per second.
        seed: Seed of the camera's poses.
        workers: Threads that render and encode; one per core by default.

    Returns:
        Path of the manifest, a CSV file with columns `path` (relative to the
        manifest's folder), `label`, `split` and `photo`. It is written last.

    Raises:
        ImportError: If scikit-image or PyAV is not installed.
        ValueError: If a number is out of range.
    """
    if size < 16 or size % 2:
        raise ValueError(f"`size` must be even and at least 16. Received: {size=}")
    if train_clips < 0 or validation_clips < 0:
        raise ValueError(
            "`train_clips` and `validation_clips` must not be negative. "
            f"Received: {train_clips=}, {validation_clips=}"
        )
    try:
        import av  # noqa: F401
        from skimage import data
    except ImportError as e:
        raise ImportError(
            "Camera moves need scikit-image and PyAV: `pip install adafuse_tf[demo]`. "
            f"Received: {e}"
        ) from e

    output_dir = Path(output_dir)
    rows = []
    for split, num_clips in (("train", train_clips), ("validation", validation_clips)):
        (output_dir / "videos" / split).mkdir(parents=True, exist_ok=True)
        names = [name for name, (home, _) in PHOTOS.items() if home == split]
        for i in range(num_clips):
            label = sorted(MOVES)[i % len(MOVES)]
            photo = names[i // len(MOVES) % len(names)]
            rows.append((f"videos/{split}/{i:05d}.mp4", label, split, photo))
    photos = {name: Photo(getattr(data, name)()) for name in {row[3] for row in rows}}

    def write_clip(index: int):
        path, move, _, name = rows[index]
        rng = np.random.default_rng([seed, index])
        trajectory = draw_trajectory(move, num_frames, rng, photos[name].aspect)
        frames = photos[name].render(trajectory, size)
        _write_video(output_dir / path, frames, frame_rate)

    # Threads: the warp and the encoder, nearly all of the work, release the GIL.
    with futures.ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for _ in pool.map(write_clip, range(len(rows))):
            pass

    manifest = output_dir / "manifest.csv"
    with manifest.open("w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(("path", "label", "split", "photo"))
        writer.writerows(rows)
    return manifest


def _write_video(path: Path, frames: np.ndarray, frame_rate: int):
    """Writes uint8 `[T, H, W, 3]` frames as an H.264 MP4 file."""
    import av

    with av.open(str(path), "w", format="mp4") as container:
        # Every frame is coded alone and at one quantizer: with predicted frames, how
        # sharp a frame is would tell its place in the clip.
        stream = container.add_stream(
            "libx264", rate=frame_rate, options={"qp": "24", "preset": "ultrafast"}
        )
        stream.width, stream.height = frames.shape[2], frames.shape[1]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = 1
        stream.codec_context.thread_count = 1
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
