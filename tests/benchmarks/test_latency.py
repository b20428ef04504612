"""What the latency table says follows from what was measured."""

import csv
import io

import numpy as np
import pytest

from adafuse_tf.benchmarks.latency.mixes import MIXES, draw_actions
from adafuse_tf.benchmarks.latency.players import play_in_turns
from adafuse_tf.benchmarks.latency.rows import rows_of
from adafuse_tf.benchmarks.latency.run import LatencySettings
from adafuse_tf.benchmarks.latency.table import COLUMNS, as_csv, as_markdown
from adafuse_tf.benchmarks.latency.variants import ANY, Variant


def variant(name, gmacs, starts, **options):
    return Variant(name, "clip", "", "", 2, starts, gmacs, **options)


def record(variant, mix, turn, ms, gmacs):
    values = {"variant": variant.name, "mix": mix, "round": turn}
    return {**values, "ms": ms, "gmacs": gmacs}


def test_ratios_are_of_the_same_round():
    plain, twin = variant("plain", 3.0, {ANY: 0}), variant("twin", 4.0, {ANY: 0})
    mixes = {"something-v1": 0, "jester": 9}
    gated = variant("gated", 4.0, mixes, plain="plain", twin="twin")
    bare = variant("bare", 4.0, mixes, without_maps_of="gated")
    records = [
        record(plain, ANY, 0, [900, 900, 900], [6.0]),
        record(twin, ANY, 0, [990, 990, 990], [8.0]),
        record(gated, "something-v1", 0, [550, 450, 660], [6.0, 6.0]),
        record(plain, ANY, 1, [20, 22, 21], [6.0]),
        record(twin, ANY, 1, [26, 25, 99], [8.0]),
        record(gated, "jester", 1, [12, 14, 13], [4.0, 4.0, 4.0]),
        record(bare, "jester", 1, [11, 13, 12], [4.0, 4.0, 4.0]),
        record(bare, "something-v1", 0, [539, 539, 539], [6.0, 6.0]),
    ]
    rows = rows_of(records, [plain, twin, gated, bare], "litert", 1, "clip")
    assert [r["network"] for r in rows] == ["plain", "twin", "gated", "gated"]
    assert rows[0]["ms_per_frame"] == (900 + 21) / 2 / 2
    assert "plain_speed_up" not in rows[0] and rows[1]["gmacs_per_frame"] == 4.0
    last = rows[3]
    assert last["ms_per_frame"] == 6.5 and last["gmacs_per_frame"] == 2.0
    assert last["plain_speed_up"] == pytest.approx(21 / 13)
    assert last["plain_ideal"] == 1.5 and last["twin_ideal"] == 2.0
    assert last["plain_realised"] == pytest.approx(21 / 13 / 1.5)
    assert last["twin_speed_up"] == pytest.approx(26 / 13)
    assert last["twin_realised"] == pytest.approx(1.0)
    assert last["maps"] == pytest.approx(1 / 13)
    assert rows[2]["maps"] == pytest.approx(0.02)
    lines = as_markdown(rows).splitlines()
    assert len(lines) == 6 and "| x2.00 | x2.00 | 100% | 7.7% |" in lines[5]
    parsed = list(csv.DictReader(io.StringIO(as_csv(rows))))
    assert list(parsed[0]) == list(COLUMNS) and parsed[0]["twin_realised"] == ""


def test_a_trained_network_is_compared_with_its_twin_alone():
    twin = variant("twin", 4.0, {ANY: 0})
    gated = variant("gated", 4.0, {"as trained": 0}, twin="twin")
    records = [
        record(twin, ANY, 0, [30, 30], [8.0, 8.0]),
        record(gated, "as trained", 0, [20, 20], [2.0, 6.0]),
    ]
    row = rows_of(records, [twin, gated], "litert", 1, "step")[1]
    assert row["gmacs_per_frame"] == 2.0 and "plain_speed_up" not in row
    assert row["twin_speed_up"] == pytest.approx(1.5) and row["twin_ideal"] == 2.0


def test_every_mix_starts_at_its_drawn_frame_and_all_take_turns():
    calls = []

    class Player:
        def __init__(self, name):
            self.name = name

        def start(self, position):
            calls.append((self.name, "start", position))

        def see(self, number):
            calls.append((self.name, "see", number))

        def run(self):
            calls.append((self.name, "run"))
            return 1.0

    players = {name: Player(name) for name in "ab"}
    ticks = iter(range(1000))
    starts = {"a": {ANY: 0}, "b": {"keep": 0, "skip": 7}}
    records = play_in_turns(players, starts, 3, lambda: next(ticks))
    assert [(r["variant"], r["mix"]) for r in records] == [
        ("a", ANY), ("b", "keep"), ("a", ANY), ("b", "skip"),
    ]  # fmt: skip
    assert all(r["ms"] == [1e3] * 3 for r in records)
    timed = [c[0] for c in calls if c[1] == "run"][2:8]
    assert timed == list("ababab")
    assert ("b", "start", 7) in calls
    assert [c[2] for c in calls if c[:2] == ("b", "see")] == [0, 1, 2, 3] * 2


def test_drawn_shares():
    drawn = draw_actions({"gate": 64}, 500, MIXES["jester"])["gate"]
    shares = np.bincount(drawn.ravel(), minlength=3) / drawn.size
    np.testing.assert_allclose(shares, MIXES["jester"], atol=0.01)


def test_unknown_settings():
    with pytest.raises(ValueError, match="`runtimes` must be among"):
        LatencySettings(runtimes=("onnx",))
    with pytest.raises(ValueError, match="`depths` must be whole numbers"):
        LatencySettings(depths=("abc",))
    with pytest.raises(ValueError, match="`depths` must be among"):
        LatencySettings(depths=(19,))
    with pytest.raises(ValueError, match="`threads` must be >= 1"):
        LatencySettings(threads=("0",))
    with pytest.raises(ValueError, match="`group_sizes` must divide"):
        LatencySettings(group_sizes=("7",))
    assert LatencySettings(threads=("2",)).threads == (2,)
