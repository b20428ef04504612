"""The sites of an image network, as people see them."""

import dataclasses
import os

from adafuse_tf.costs.macs import static_gmacs
from adafuse_tf.costs.operation import positions
from adafuse_tf.graph.cost_table import rows_of, unknown_layers
from adafuse_tf.graph.image_model import read_image_model
from adafuse_tf.graph.operations import behaviour
from adafuse_tf.graph.residual import Ancestors, before_padding, residual_blocks
from adafuse_tf.graph.sites import PATHS_OF_A_MODULE, find
from adafuse_tf.graph.sizes import extents_of

DEFAULT_SIZE = 224


@dataclasses.dataclass(frozen=True, eq=False)
class Site:
    """A place in an image network where a gate can sit.

    Attributes:
        name: Of the gate there: what the names of its producer and consumer have in
            common, or the producer's name and `_gate`.
        producer: Names of the layers that make the channels.
        between: Names of the layers between the last producer and the gate.
        consumers: Names of the layers that read the channels.
        channels: Number of channels C'.
        gmacs: Billions of multiply-accumulates per frame that the gate governs: what
            would not be spent if it skipped every channel.
        share: `gmacs` as a share of the network's.
        in_paper: Whether the paper has a gate there: behind the first convolution of a
            residual block, the expansion of an inverted residual, or an Inception
            module.
        before_depthwise: For a site behind a depthwise convolution the `Site` before
            it, where a skipped channel saves its expansion and that convolution alone;
            otherwise `None`.
    """

    name: str
    producer: tuple
    between: tuple
    consumers: tuple
    channels: int
    gmacs: float
    share: float
    in_paper: bool
    before_depthwise: "Site | None"
    place: object = dataclasses.field(repr=False, default=None)
    policy_input: object = dataclasses.field(repr=False, default=None)


class Sites(list):
    """A list of `Site` that prints as a table.

    Attributes:
        model_name: Name of the image model.
        gmacs: GMACs per frame of the whole network.
        governed: Share of them that all sites together govern.
        size: Height and width of the frames that this is for.
        unknown: Messages about layers that are not in the registry, next to which no
            site is looked for.
    """

    def __init__(self, sites, model_name, gmacs, governed, size, unknown):
        super().__init__(sites)
        self.model_name = model_name
        self.gmacs = gmacs
        self.governed = governed
        self.size = size
        self.unknown = unknown

    def __str__(self):
        header = (
            "site",
            "producer",
            "between",
            "consumers",
            "channels",
            "MACs",
            "share",
        )
        rows = [
            (
                site.name,
                _listed(site.producer),
                _listed(site.between),
                _listed(site.consumers),
                str(site.channels),
                f"{site.gmacs * 1e3:.3g}M",
                f"{site.share:.1%}",
            )
            for site in self
        ]
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) for cell, width in zip(row, widths, strict=True)
            )
            for row in (header, *rows)
        ]
        height, width = self.size
        lines.append(
            f"{self.model_name}: {len(self)} sites, which govern {self.governed:.0%} "
            f"of {self.gmacs:.3g} GMACs per frame of {height} x {width} pixels"
        )
        lines += self.unknown
        return "\n".join(line.rstrip() for line in lines)

    __repr__ = __str__


def find_sites(model, size=None):
    """Finds where gates can sit in an image network.

    A site is a tensor between the channel-mixing operations that make it and those that
    read it, with only channel-local operations in between: behind a depthwise
    convolution rather than before it, since batch normalisation makes constants of
    zeros.

    Args:
        model: A functional `keras.Model` (or `Sequential`) of RGB images, one input,
            one output.
        size: `(height, width)` of the frames in pixels, for the costs; by default that
            of the model's input, and 224 x 224 where it has none.

    Returns:
        `Sites`, a list of `Site` in the order of the network.

    Raises:
        TypeError: It is no Keras model.
        ValueError: A model that cannot be read as a network of images, with the way
            out.
    """
    network = read_image_model(model)
    height, width = size or size_of(network)
    return sites_of(network, model.name, (height, width))


def sites_of(network, name, size):
    """`find_sites` of a `Network`."""
    extents = extents_of(network)
    sizes = {
        value: positions(found, *size)
        for value, found in extents.items()
        if found is not None
    }
    spent = _spent(network, size)
    total = sum(spent.values()) or 1.0
    ancestors = Ancestors(network)
    pairs = find(network, sizes)
    first = {call for b in residual_blocks(network) for call in b.first}
    names = _names(network, [place for place, _ in pairs])

    def site(place, name, alternative=None):
        gmacs = sum(
            spent.get(call, 0.0) * share for call, share in _governed(place).items()
        )
        calls = [call for call, _, _ in place.producers]
        between = _between(place)
        return Site(
            name=name,
            producer=tuple(call.name for call in calls),
            between=tuple(call.name for call in between),
            consumers=tuple(call.name for call, _ in place.consumers),
            channels=place.channels,
            gmacs=gmacs,
            share=gmacs / total,
            in_paper=(
                place.paths >= PATHS_OF_A_MODULE
                or bool(place.between)
                or calls[0] in first
            ),
            before_depthwise=alternative,
            place=place,
            policy_input=_policy_input(ancestors, calls),
        )

    sites = [
        site(place, name, before and site(before, name))
        for (place, before), name in zip(pairs, names, strict=True)
    ]
    kept = {}
    for found in sites:
        for call, share in _governed(found.place).items():
            kept[call] = kept.get(call, 1.0) * (1.0 - share)
    governed = sum(spent.get(c, 0.0) * (1.0 - left) for c, left in kept.items())
    return Sites(sites, name, total, governed / total, size, unknown_layers(network))


def select_sites(sites, gates, policy_gmacs=None):
    """The sites that get a gate.

    Args:
        sites: `Sites`.
        gates: `"all"`, `"none"`, `"paper"` (the places of the paper), `"worthwhile"`
            (sites that govern several times what their policy costs), the name of a
            site or of a stage, that is what the names of several start with (of these
            the places of the paper, where there are any), a list of such names, or a
            function of a site that returns whether it gets one, or the
            site to take (itself or its `before_depthwise`).
        policy_gmacs: Function of a `Site`: GMACs per frame of its policy; for
            `"worthwhile"`.

    Returns:
        A list of `Site`.

    Raises:
        ValueError: Another keyword, or a name that no site has.
    """
    if callable(gates):
        chosen = ((site, gates(site)) for site in sites)
        return [
            answer if isinstance(answer, Site) else site
            for site, answer in chosen
            if answer
        ]
    if gates == "all":
        return list(sites)
    if gates == "none":
        return []
    if gates == "paper":
        return [s.before_depthwise or s for s in sites if s.in_paper]
    if gates == "worthwhile":
        return [s for s in sites if s.gmacs > WORTHWHILE * policy_gmacs(s)]
    names = [gates] if isinstance(gates, str) else gates
    if not isinstance(names, (list, tuple, set)):
        raise TypeError(
            "`gates` must be a keyword, names of sites or a function of a site. "
            f"Received: gates={gates!r}"
        )

    def chosen_by(name):
        exact = [site for site in sites if site.name == name]
        starts = (f"{name}_", f"{name}/")
        stage = [site for site in sites if site.name.startswith(starts)]
        return exact or [site for site in stage if site.in_paper] or stage

    unknown = [name for name in names if not chosen_by(name)]
    if unknown:
        raise ValueError(
            "`gates` must be 'all', 'none', 'paper', 'worthwhile', a function of a "
            f"site, or names out of {[s.name for s in sites]} or what they start with. "
            f"Received: gates={gates!r}"
        )
    wanted = {id(s) for name in names for s in chosen_by(name)}
    return [s for s in sites if id(s) in wanted]


# A gate of whose channels half are skipped saves half of what it governs; it must be
# worth more than the policy by far to pay for a loss of accuracy, too.
WORTHWHILE = 4.0


def _spent(network, size):
    """GMACs per frame of each call."""
    spent = {}
    for call, operation in rows_of(network):
        spent[call] = spent.get(call, 0.0) + static_gmacs([operation], *size)
    return spent


def _governed(place):
    """`dict[Call, float]`: which share of each call a gate governs."""
    shares = {}
    for call, start, stop in place.producers:
        shares[call] = (stop - start) / call.output.channels
    shares.update(dict.fromkeys(place.between, 1.0))
    for call, slices in place.consumers:
        read = sum(stop - start for _, start, stop in filter(None, slices))
        share = read / call.inputs[0].channels
        shares[call] = 1.0 - (1.0 - shares.get(call, 0.0)) * (1.0 - share)
    return shares


def _between(place):
    """The calls between the last producer and the gate."""
    calls, value = [], place.value
    producers = {call for call, _, _ in place.producers}
    while value.call is not None and value.call not in producers:
        calls.append(value.call)
        if behaviour(value.call.operation).kind == "concatenate":
            break
        value = value.call.inputs[0]
    return calls[::-1]


def _policy_input(ancestors, calls):
    """What the policy looks at: the input of what makes the channels, or of all."""
    return ancestors.common([before_padding(call)[1] for call in calls])


def _names(network, places):
    taken = {call.name for call in network.calls}
    names = []
    for place in places:
        producer = place.producers[0][0].name
        if len(place.producers) > 1:
            name = place.value.call.name + "_gate"
        else:
            name = _common(producer, place.consumers[0][0].name)
        if not name or name in taken:
            name = f"{producer}_gate"
        taken.add(name)
        names.append(name)
    return names


def _common(one, other):
    """The parts between underscores that two names start with."""
    common = os.path.commonprefix([one + "_", other + "_"])
    return common[: max(common.rfind("_"), 0)]


def _listed(names):
    first, *others = names or ("",)
    return f"{first} +{len(others)}" if others else first


def size_of(network):
    """Height and width of a network's images, 224 where they are not fixed."""
    height, width = network.inputs[0].shape[1:3]
    return height or DEFAULT_SIZE, width or DEFAULT_SIZE
