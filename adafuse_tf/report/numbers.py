"""Numbers as a reader wants them."""

from collections.abc import Sequence


def percent(share: float | None) -> str:
    """A share in 0..1, such as `95.0%`; a dash for None."""
    return "–" if share is None else f"{share:.1%}"


def percents(shares: Sequence[float]) -> list[str]:
    """Shares that add up to 1 as whole percents that add up to 100."""
    exact = [100 * share for share in shares]
    whole = [int(value) for value in exact]
    # Those that lose most by cutting their fractions get one more.
    by_loss = sorted(range(len(exact)), key=lambda i: whole[i] - exact[i])
    for i in by_loss[: round(sum(exact)) - sum(whole)]:
        whole[i] += 1
    return [f"{value}%" for value in whole]


def cost(gmacs: float) -> str:
    """Multiply-accumulates: `27.3 MMACs`, `12.1 GMACs`."""
    (number,), unit = costs([gmacs])
    return f"{number} {unit}"


def costs(gmacs: Sequence[float]) -> tuple[list[str], str]:
    """Several costs in one unit, with the largest one's digits; and the unit."""
    factor, unit = cost_unit(max(gmacs))
    values = [factor * g for g in gmacs]
    digits = 1 if max(values) >= 10 else 2 if max(values) >= 0.1 else 4
    return [f"{value:.{digits}f}" for value in values], unit


def cost_unit(gmacs: float) -> tuple[float, str]:
    """What to multiply a cost of about this size with, and the unit it has then."""
    return (1.0, "GMACs") if gmacs >= 1 else (1000.0, "MMACs")


def count(number: int, noun: str) -> str:
    """`1 video`, `160 videos`, `4 classes`."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{'' if number == 1 else ending}"
