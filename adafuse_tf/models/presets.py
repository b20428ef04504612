"""Networks by name: data only."""

import difflib

# Hidden sizes: 1024 in "Last", the default for its 512 channels; elsewhere a quota
# divided by the gate's channels, with weights shared between gates of equal shape.
# 196608 is the released ResNet-50's; for ResNet-18 none was published. With another
# width the hidden layers have as many times the units.
_SHARED = {"gates": "all", "share_policies": True}

_BASELINES = {
    f"{family}_resnet{depth}": {"depth": depth, **options}
    for depth in (18, 34, 50, 101)
    for family, options in {
        "tsn": {},
        "tsm": {"shift": "bidirectional"},
        "tsm_causal": {"shift": "causal"},
        "lstm": {"consensus": "lstm"},
    }.items()
}
_ADAFUSE = {
    f"adafuse_{family}_resnet{depth}": {
        "depth": depth,
        "hidden_quota": 131072 if depth < 50 else 196608,
        **_SHARED,
        **shift,
    }
    for depth in (18, 34, 50, 101)
    for family, shift in {
        "tsn": {},
        "tsm": {"shift": "bidirectional"},
        "tsm_causal": {"shift": "causal"},
    }.items()
}
_LAST = {
    f"adafuse_{family}_last_resnet{depth}": {
        "depth": depth,
        "gates": ["stage4"],
        "shift": shift,
    }
    for depth in (18, 34, 50, 101)
    for family, shift in {"tsm": "bidirectional", "tsm_causal": "causal"}.items()
}

# How the published weights saw their clips.
_PREPROCESSING = {
    "num_frames": 8,
    "resize": 256,
    "crop": 224,
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}

# Name -> options of the classifier and its backbone.
PRESETS = {
    name: {"preprocessing": _PREPROCESSING, **options}
    for name, options in {**_BASELINES, **_ADAFUSE, **_LAST}.items()
}


def unknown_preset(name):
    """The error for a name that is not there, with the nearest ones first."""
    near = difflib.get_close_matches(str(name), PRESETS, n=3, cutoff=0.4)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return ValueError(
        f"Unknown preset.{hint} Known presets: {sorted(PRESETS)}. Received: {name!r}"
    )
