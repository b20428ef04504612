"""Networks by name: data only."""

import difflib

# Hidden sizes of the published ResNets: a quota divided by the gate's channels, with
# weights shared between gates of equal shape; 196608 is the released ResNet-50's, and
# for ResNet-18 none was published. "Last" has 1024 for its 512 channels. With another
# width the hidden layers have as many times the units.
_HIDDEN_QUOTA = {18: 131072, 34: 131072, 50: 196608, 101: 196608}
_LAST_QUOTA = 1024 * 512

_SHIFTS = {
    "tsn": {},
    "tsm": {"shift": "bidirectional"},
    "tsm_causal": {"shift": "causal"},
}
_LSTM = {"consensus": "lstm"}

# Where the paper has gates, and elsewhere where they are worth it. BN-Inception and
# DenseNet have no residual branches to shift in.
_GATES = {
    "bn_inception": {"gates": "paper", "hidden_units": 128},
    "convnext_tiny": {"gates": "worthwhile"},
    "densenet121": {"gates": "worthwhile"},
    "efficientnet_v2_b0": {"gates": "worthwhile"},
    "mobilenet_v2": {"gates": "worthwhile"},
    "mobilenet_v3_large": {"gates": "worthwhile"},
    "mobilenet_v3_small": {"gates": "worthwhile"},
    **{f"efficientnet_b{n}": {"gates": "paper"} for n in range(4)},
    **{f"efficientnet_lite{n}": {"gates": "paper"} for n in range(3)},
    **{
        f"resnet{depth}": {
            "gates": "paper",
            "hidden_quota": quota,
            "share_policies": True,
        }
        for depth, quota in _HIDDEN_QUOTA.items()
    },
}
_WITHOUT_RESIDUALS = ("bn_inception", "densenet121")


def _presets():
    for network, gates in _GATES.items():
        own = {"network": network}
        yield f"lstm_{network}", {**own, "gates": "none", **_LSTM}
        for family, shift in _SHIFTS.items():
            if shift and network in _WITHOUT_RESIDUALS:
                continue
            yield f"{family}_{network}", {**own, "gates": "none", **shift}
            yield f"adafuse_{family}_{network}", {**own, **gates, **shift}
    for depth in _HIDDEN_QUOTA:
        last = {"gates": ["stage4"], "hidden_quota": _LAST_QUOTA}
        for family in ("tsm", "tsm_causal"):
            name = f"adafuse_{family}_last_resnet{depth}"
            yield name, {"network": f"resnet{depth}", **last, **_SHIFTS[family]}


# Name -> the image network, and options of it, its gates and the classifier.
PRESETS = dict(_presets())


def unknown_preset(name):
    """The error for a name that is not there, with the nearest ones first."""
    near = difflib.get_close_matches(str(name), PRESETS, n=3, cutoff=0.4)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return ValueError(
        f"Unknown preset.{hint} Known presets: {sorted(PRESETS)}. Received: {name!r}"
    )
