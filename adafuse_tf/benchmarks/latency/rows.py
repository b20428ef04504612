"""From times of single calls to the rows of the table."""

import numpy as np


def rows_of(records, variants, runtime, threads, form):
    """Rows of the table from what `play_in_turns` measured, in the variants' order.

    Ratios are of times measured in the same round.
    """
    by_name = {variant.name: variant for variant in variants}
    bare = {v.without_maps_of: v.name for v in variants if v.without_maps_of}
    ms_of = {(r["variant"], r["round"]): float(np.median(r["ms"])) for r in records}
    rows, seen = [], set()
    for record in records:
        variant = by_name[record["variant"]]
        if variant.without_maps_of or (variant.name, record["mix"]) in seen:
            continue
        seen.add((variant.name, record["mix"]))
        ms = ms_of[variant.name, record["round"]]
        if variant.twin is None:
            own = [m for (name, _), m in ms_of.items() if name == variant.name]
            ms = np.median(own)
        row = {
            "network": variant.name,
            "mix": record["mix"],
            "runtime": runtime,
            "threads": threads,
            "form": form,
            "ms_per_frame": float(ms) / variant.frames,
            "gmacs_per_frame": variant.gmacs,
        }
        if variant.twin is not None:
            spent = float(np.mean(record["gmacs"])) / variant.frames
            row["gmacs_per_frame"] = spent
            for key, name in (("plain", variant.plain), ("twin", variant.twin)):
                if name is None:
                    continue
                dense = by_name[name]
                dense_ms = ms_of[name, record["round"]] / dense.frames
                speed_up, ideal = dense_ms / row["ms_per_frame"], dense.gmacs / spent
                row |= {
                    f"{key}_speed_up": speed_up,
                    f"{key}_ideal": ideal,
                    f"{key}_realised": speed_up / ideal,
                }
        if variant.name in bare:
            row["maps"] = 1 - ms_of[bare[variant.name], record["round"]] / ms
        rows.append(row)
    return sorted(rows, key=lambda row: list(by_name).index(row["network"]))
