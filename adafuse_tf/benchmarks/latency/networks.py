"""Which networks are timed, and their export."""

from pathlib import Path

from adafuse_tf.benchmarks.latency import movinet
from adafuse_tf.benchmarks.latency.mixes import MIXES
from adafuse_tf.benchmarks.latency.variants import (
    ANY,
    drawn_table,
    export_dense_clip,
    export_variant,
    make_model,
)
from adafuse_tf.inference.gated import GatedView, Mechanism, choose_mechanisms


def export_networks(network, settings, runtime, folder, report):
    """Exports the plain network, AdaFuse dense, and AdaFuse gated.

    Args:
        network: Depth of a ResNet, or `"movinet"`.
        settings: `LatencySettings`.
        runtime: `"litert"` or `"tensorflow"`.
        folder: Folder to write to.
        report: Called with lines of text.

    Returns:
        A list of `Variant`, each form of each network, and the step of the last one
        once more without the maps of its state, to see what they cost.
    """
    tflite = runtime == "litert"
    size, frames = settings.size, settings.num_frames
    folder = Path(folder) / runtime
    if network == "movinet":
        report(f"Exporting MoViNet-A0 for {runtime}")
        return movinet.export(folder, size, tflite, report)
    variants = []

    def add(view, name, mixes=None, **options):
        for form in settings.forms:
            report(f"Exporting {name} for {runtime}, {form}")
            if form == "clip" and mixes is None:
                made = export_dense_clip(view, name, folder, size, frames, tflite)
            else:
                made = export_variant(
                    view,
                    name,
                    form,
                    folder,
                    size,
                    frames,
                    mixes or {ANY: 0},
                    tflite,
                    **options,
                )
            variants.append(made)

    plain, twin = f"TSN-R{network} dense", f"AdaFuse-R{network} dense"
    add(GatedView(make_model(f"tsn_resnet{network}", settings.num_classes)), plain)
    for group_size in settings.group_sizes:
        model = make_model(
            f"adafuse_tsn_resnet{network}",
            settings.num_classes,
            group_size=group_size,
            hidden_units=settings.hidden_units,
        )
        dense = GatedView(model, Mechanism("dense"))
        if group_size == settings.group_sizes[0]:
            add(dense, twin)
        if settings.mechanism == "auto":
            # One export serves all mixes, so that it is chosen for one in the middle.
            mechanisms = choose_mechanisms(
                model,
                MIXES["something-v2"],
                runtime,
                height=size,
                width=size,
                report=report,
            )
        else:
            mechanisms = Mechanism(settings.mechanism)
        # As many as all timed calls of a mix take, and the one before them.
        count = (settings.repeats + 1) * frames
        actions, starts = drawn_table(dense, MIXES, count)
        view = GatedView(model, mechanisms, drawn=actions)
        name = f"AdaFuse-R{network} gated, groups of {group_size}"
        add(view, name, starts, plain=plain, twin=twin)
    if "step" in settings.forms:
        report(f"Exporting {name} for {runtime}, step, without its maps")
        variants.append(
            export_variant(
                view, f"{name} without maps", "step", folder, size, frames, starts,
                tflite, without_maps_of=name,
            )
        )  # fmt: skip
    return variants
