"""A picture of what the gates decided."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from adafuse_tf.layers.actions import ACTIONS, KEEP, REUSE, SKIP

# Keep, reuse and skip in colours that stay apart without red and green.
_COLOURS = {KEEP: "#0b5fa5", REUSE: "#f2a541", SKIP: "#e4e4e4"}


def draw_policies(
    frames: np.ndarray,
    policies: Mapping[str, np.ndarray],
    shares: Mapping[str, Mapping[str, float]],
    title: str,
    path: str | Path,
) -> None:
    """Draws one clip's frames, its decisions, and the shares over many clips.

    Args:
        frames: uint8 `[T, H, W, 3]`.
        policies: Gate name to action index `[T, C]` of that clip.
        shares: Gate name to shares of `skip`, `reuse` and `keep` over a data set.
        title: Heading of the picture.
        path: PNG file to write.
    """
    from matplotlib.figure import Figure  # no display and no global state

    num_frames = len(frames)
    figure = Figure(figsize=(11, 6.2), layout="constrained", dpi=110)
    figure.suptitle(title)
    left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
    axes = left.subplots(
        len(policies) + 1, num_frames,
        gridspec_kw={"height_ratios": (3, *[1] * len(policies))},
    )  # fmt: skip
    for t in range(num_frames):
        axes[0, t].imshow(frames[t])
        axes[0, t].set_title(f"t={t}", fontsize=8)
        for row, (gate, policy) in enumerate(policies.items(), 1):
            axes[row, t].imshow(_as_colours(policy[t]), aspect="auto")
            if t == 0:
                axes[row, t].set_ylabel(
                    short_name(gate), rotation=0, ha="right", va="center", fontsize=8
                )
    for axis in axes.ravel():
        axis.set_xticks([])
        axis.set_yticks([])
    left.supxlabel("decisions per frame, one cell per channel", fontsize=9)
    _draw_shares(right.subplots(), list(policies), shares)
    figure.savefig(path)


def policy_map(shares: np.ndarray, cell: int = 8) -> np.ndarray:
    """A heat map of one gate: frames downwards, channels to the right.

    Args:
        shares: `[T, C, 3]` shares of skip, reuse and keep.
        cell: Pixels of a cell.

    Returns:
        uint8 `[T * cell, C * cell, 3]`; a cell is the mixture of the actions' colours.
    """
    colours = np.rint(shares @ _palette()).astype(np.uint8)
    return colours.repeat(cell, axis=0).repeat(cell, axis=1)


def _draw_shares(axis, gates: Sequence[str], shares) -> None:
    rows, start = np.arange(len(gates)), np.zeros(len(gates))
    for action in (KEEP, REUSE, SKIP):
        width = np.array([shares[gate][ACTIONS[action]] for gate in gates])
        axis.barh(
            rows, width, left=start, color=_COLOURS[action], label=ACTIONS[action]
        )
        start += width
    axis.set_yticks(rows, [short_name(gate) for gate in gates])
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.set_xlabel("share of channels, all validation clips")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, 1.1), ncols=3, frameon=False)


def _as_colours(actions: np.ndarray) -> np.ndarray:
    """Actions `[C]` as a small picture of cells, 8 to a column."""
    return _palette()[actions].reshape(8, -1, 3).astype(np.uint8)


def _palette() -> np.ndarray:
    return np.array(
        [[int(_COLOURS[a][i : i + 2], 16) for i in (1, 3, 5)] for a in range(3)]
    )


def short_name(gate: str) -> str:
    """The name of a gate where there is little room: `stage1_block0` is `1.0`."""
    return gate.replace("stage", "").replace("_block", ".")
