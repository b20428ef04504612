import csv

import numpy as np
import pytest

from adafuse_tf.data import camera_moves

pytest.importorskip("skimage", reason="needs scikit-image: adafuse_tf[demo]")
pytest.importorskip("av", reason="needs PyAV: adafuse_tf[demo]")

OPPOSITES = {
    "pan_left": "pan_right",
    "roll_left": "roll_right",
    "tilt_up": "tilt_down",
    "zoom_in": "zoom_out",
}


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return camera_moves.Photo(data.gravel())


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("moves")
    manifest = camera_moves.write_camera_moves(
        folder, train_clips=56, validation_clips=24, num_frames=4, size=32
    )
    with manifest.open(newline="") as f:
        return folder, list(csv.DictReader(f))


def draw(move, seed, num_frames=8, aspect=1.5):
    rng = np.random.default_rng(seed)
    return camera_moves.draw_trajectory(move, num_frames, rng, aspect)


def displacement(before, after, reach=4):
    """Whole-pixel (dx, dy) by which the contents move, by block matching."""
    height, width = before.shape
    inner = before[reach : height - reach, reach : width - reach].astype(float)
    errors = {}
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            rows = slice(reach + dy, height - reach + dy)
            columns = slice(reach + dx, width - reach + dx)
            errors[dx, dy] = np.abs(after[rows, columns] - inner).mean()
    return np.array(min(errors, key=errors.get))


def decode(path):
    import av

    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]


@pytest.mark.parametrize(("move", "opposite"), OPPOSITES.items())
def test_a_reversed_clip_is_a_clip_of_the_opposite_move(move, opposite):
    backwards, expected = draw(move, seed=3).reversed(), draw(opposite, seed=3)
    for name in ("x", "y", "view", "angle"):
        np.testing.assert_allclose(getattr(backwards, name), getattr(expected, name))
    forwards = draw(move, seed=3)
    assert any(
        not np.allclose(getattr(forwards, name), getattr(expected, name))
        for name in ("x", "y", "view", "angle")
    )


def mean_motion(photo, move):
    """Mean motion of the contents: left, right, upper and lower part of the frame."""
    parts = np.s_[:, 16:48, :32], np.s_[:, 16:48, 32:], np.s_[:, :32, 16:48]
    parts += (np.s_[:, 32:, 16:48],)
    motion = []
    for seed in range(6):
        frames = photo.render(draw(move, seed, num_frames=2, aspect=1.0), 64)
        gray = frames.mean(axis=-1)
        motion.append([displacement(*gray[part]) for part in parts])
    return np.mean(motion, axis=0)


@pytest.mark.parametrize("move", camera_moves.MOVES)
def test_contents_move_as_the_class_says(photo, move):
    left, right, upper, lower = mean_motion(photo, move)
    whole = (left + right + upper + lower) / 4
    spread = ((right - left)[0] + (lower - upper)[1]) / 4
    clockwise = ((right - left)[1] - (lower - upper)[0]) / 4
    measured = {
        "pan_left": whole[0],
        "pan_right": -whole[0],
        "tilt_up": whole[1],
        "tilt_down": -whole[1],
        "zoom_in": spread,
        "zoom_out": -spread,
        "roll_left": clockwise,
        "roll_right": -clockwise,
    }
    assert max(measured, key=measured.get) == move
    assert measured[move] > 0.4


def test_speed_of_a_pan_is_in_pixels_of_the_frame(photo):
    for seed in range(4):
        path = draw("pan_right", seed, aspect=1.0)
        moved = np.hypot(np.diff(path.x), np.diff(path.y)) / path.view[1:] * 64
        assert np.all((moved >= 5.999) & (moved <= 12.001))


def poses_of_random_frames(move, count=1500, num_frames=8, aspect=1.5):
    rng = np.random.default_rng(sorted(camera_moves.MOVES).index(move))
    poses = []
    for _ in range(count):
        path = camera_moves.draw_trajectory(move, num_frames, rng, aspect)
        t = rng.integers(num_frames)
        # The mirrored tiling repeats after twice the photo, a roll after a turn.
        x, y = path.x[t] % (2 * aspect), path.y[t] % 2
        poses.append((x, y, np.log(path.view[t]), path.angle[t] % (2 * np.pi)))
    return np.array(poses).T


def test_the_pose_of_a_single_frame_does_not_tell_the_class():
    stats = pytest.importorskip("scipy.stats")
    poses = {move: poses_of_random_frames(move) for move in camera_moves.MOVES}
    reference = poses.pop("pan_left")
    for move, sample in poses.items():
        for name, ours, theirs in zip(
            ("x", "y", "view", "angle"), sample, reference, strict=True
        ):
            p = stats.ks_2samp(ours, theirs).pvalue
            # 28 comparisons: one below this bound is expected in 1 of 700 seeds.
            assert p > 5e-5, (move, name, p)


def test_the_comparison_of_poses_can_fail():
    stats = pytest.importorskip("scipy.stats")
    first = [
        [draw(move, seed).view[0] for seed in range(300)]
        for move in ("zoom_in", "zoom_out")
    ]
    assert stats.ks_2samp(*first).pvalue < 1e-9


def test_positions_and_rolls_are_uniform():
    stats = pytest.importorskip("scipy.stats")
    x, y, _, angle = poses_of_random_frames("pan_right")
    for values, period in ((x, 3.0), (y, 2.0), (angle, 2 * np.pi)):
        assert stats.kstest(values / period, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("aspect", [0.6, 1.7])
def test_an_upright_camera_sees_the_photo_itself(aspect):
    rng = np.random.default_rng(0)
    height, width = (64, round(64 * aspect)) if aspect > 1 else (round(64 / aspect), 64)
    pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
    centre = np.array([32 / 64])
    upright = camera_moves.Trajectory(centre, centre, np.ones(1), np.zeros(1))
    (frame,) = camera_moves.Photo(pixels).render(upright, 64)
    np.testing.assert_array_equal(frame, pixels[:64, :64])
    # One photo further on lies the mirror image.
    beyond = camera_moves.Trajectory(
        centre + width / 64, centre, np.ones(1), np.zeros(1)
    )
    (frame,) = camera_moves.Photo(pixels).render(beyond, 64)
    np.testing.assert_array_equal(frame, pixels[:64, ::-1][:, :64])


def test_manifest_lists_balanced_classes(written):
    folder, rows = written
    for split, count in (("train", 7), ("validation", 3)):
        labels = [row["label"] for row in rows if row["split"] == split]
        assert {m: labels.count(m) for m in camera_moves.MOVES} == dict.fromkeys(
            camera_moves.MOVES, count
        )
    assert len({row["path"] for row in rows}) == len(rows) == 80
    assert all((folder / row["path"]).is_file() for row in rows)


def test_no_photo_is_in_both_splits(written):
    _, rows = written
    photos = {"train": set(), "validation": set()}
    for row in rows:
        photos[row["split"]].add(row["photo"])
    assert not photos["train"] & photos["validation"]
    assert photos["train"] | photos["validation"] == set(camera_moves.PHOTOS)


def test_videos_hold_the_rendered_frames(written):
    from skimage import data

    folder, rows = written
    row = next(row for row in rows if row["photo"] == "coffee")
    rng = np.random.default_rng([0, rows.index(row)])
    photo = camera_moves.Photo(data.coffee())
    path = camera_moves.draw_trajectory(row["label"], 4, rng, photo.aspect)
    expected = photo.render(path, 32).astype(float)
    frames = np.array(decode(folder / row["path"]))
    assert frames.shape == (4, 32, 32, 3)
    assert np.abs(frames - expected).mean() < 6


def test_a_seed_gives_the_same_files(written, tmp_path):
    folder, rows = written
    kwargs = {"train_clips": 8, "validation_clips": 8, "num_frames": 4, "size": 32}
    camera_moves.write_camera_moves(tmp_path / "a", **kwargs, workers=1)
    camera_moves.write_camera_moves(tmp_path / "b", **kwargs, seed=1)
    train = [row["path"] for row in rows[:8]]
    content = [(folder / path).read_bytes() for path in train]
    assert content == [(tmp_path / "a" / path).read_bytes() for path in train]
    assert content != [(tmp_path / "b" / path).read_bytes() for path in train]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [({"size": 33}, "size=33"), ({"train_clips": -1}, "train_clips=-1")],
)
def test_bad_numbers_are_named(tmp_path, kwargs, message):
    with pytest.raises(ValueError, match=message):
        camera_moves.write_camera_moves(tmp_path, **kwargs)


def test_unknown_move_lists_the_known():
    with pytest.raises(ValueError, match="pan_left.*move='dolly'"):
        draw("dolly", seed=0)
