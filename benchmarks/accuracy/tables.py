"""The tables of the page, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import mean, median, pstdev
from typing import TypeVar

from benchmarks.accuracy.geometry import Ellipsoid
from benchmarks.accuracy.plan import Kind
from benchmarks.accuracy.scoring import CEILING, OURS, Score
from benchmarks.accuracy.summary import (
    Group,
    Target,
    agreement_of,
    bias_ml,
    in_group,
    measured,
    median_dice,
    median_error_percent,
    most_found_ml,
    share_covered,
    targets,
)
from benchmarks.contest import table
from corelab.vocab import Modality

GEOMETRY_PERCENT = 0.5
Rows = list[tuple[str, ...]]
K = TypeVar("K")


def target_table(scores: Sequence[Score], ellipsoids: Sequence[Ellipsoid]) -> str:
    """Every bar beside what was reached."""
    found = [*targets(scores, OURS), geometry_target(ellipsoids)]
    rows = [
        (bar.group, bar.figure, bar.wanted, bar.reached, "yes" if bar.is_met else "**no**")
        for bar in found
    ]
    return table(rows, ("on the reported half", "figure", "target", "reached", "met"))


def infarct_table(scores: Sequence[Score], group: Group) -> str:
    """Overlap and volume of every method on heads with an infarct."""
    rows: Rows = []
    for method in _methods(scores, group):
        chosen = in_group(scores, group, method)
        found = agreement_of(chosen)
        rows.append(
            (
                method,
                f"{len(chosen)}",
                f"{median_dice(chosen):.3f}",
                f"{min(score.dice for score in chosen):.2f}",
                f"{median_error_percent(chosen):.1f} %",
                f"{bias_ml(chosen):+.2f}",
                f"{found.lower_limit:+.1f} to {found.upper_limit:+.1f}" if found else "",
                f"{found.icc_2_1:.3f}" if found else "",
                f"{share_covered(chosen):.0%}" if method == OURS else "",
            )
        )
    titles = ("method", "n", "median Dice", "worst", "median volume error", "bias, mL")
    return table(rows, (*titles, "limits of agreement, mL", "ICC(2,1)", "truth in low to high"))


def small_table(scores: Sequence[Score], group: Group) -> str:
    """Return what every method finds of small infarcts."""
    rows: Rows = []
    for method in _methods(scores, group):
        chosen = in_group(scores, group, method)
        n_pieces = sum(score.n_pieces for score in chosen)
        n_found = sum(score.n_pieces_found for score in chosen)
        rows.append(
            (
                method,
                f"{sum(score.is_found for score in chosen)} of {len(chosen)}",
                f"{n_found} of {n_pieces}",
                f"{mean(score.n_false for score in chosen):.1f}",
                f"{max(score.n_false for score in chosen)}",
                f"{median_dice(chosen):.2f}",
                f"{bias_ml(chosen):+.2f}",
            )
        )
    titles = ("method", "heads", "components", "false components a head", "most")
    return table(rows, (*titles, "median Dice", "bias, mL"))


def none_table(scores: Sequence[Score], group: Group) -> str:
    """Return what every method finds where nothing is."""
    rows: Rows = []
    for method in _methods(scores, group):
        if method == CEILING:
            continue
        chosen = measured(in_group(scores, group, method))
        rows.append(
            (
                method,
                f"{sum(score.found_ml > 0 for score in chosen)} of {len(chosen)}",
                f"{median(score.found_ml for score in chosen):.2f}",
                f"{most_found_ml(chosen):.2f}",
            )
        )
    return table(rows, ("method", "heads with any", "median mL", "most mL"))


def factor_table(scores: Sequence[Score], modality: Modality) -> str:
    """Our figures by what the heads were made of, infarcts with a volume target only."""
    group = Group.CT_INFARCT if modality is Modality.NCCT else Group.DWI_INFARCT
    chosen = in_group(scores, group, OURS)
    rows: Rows = []
    for factor, level_of in _FACTORS[modality].items():
        levels: dict[str, list[Score]] = {}
        for score in chosen:
            levels.setdefault(level_of(score), []).append(score)
        for level, part in sorted(levels.items(), key=lambda item: _order(factor, *item)):
            if not measured(part):
                continue
            rows.append(
                (
                    factor,
                    level,
                    f"{len(part)}",
                    f"{median_dice(part):.3f}",
                    f"{min(score.dice for score in part):.2f}",
                    f"{median_error_percent(part):.1f} %",
                    f"{bias_ml(part):+.1f}",
                )
            )
    titles = ("factor", "level", "n", "median Dice", "worst", "median volume error", "bias, mL")
    return table(rows, titles)


def case_table(scores: Sequence[Score]) -> str:
    """Every head."""
    rows: Rows = []
    for score in scores:
        if score.method != OURS:
            continue
        found = (
            (f"{score.found_ml:.2f}", f"{score.low_ml:.1f} to {score.high_ml:.1f}")
            if score.refusal is None
            else (f"refused: {score.refusal.value}", "")
        )
        flags = ", ".join(flag.value for flag in score.flags)
        rows.append(
            (
                score.head.name,
                f"{score.true_ml:.2f}",
                *found,
                f"{score.dice:.2f}",
                f"{score.n_false}",
                flags,
            )
        )
    titles = ("head", "true mL", "found mL", "low to high", "Dice", "false components", "flags")
    return table(rows, titles)


def geometry_target(ellipsoids: Sequence[Ellipsoid]) -> Target:
    """Largest mean error over the tilts, and over the sizes on each stack."""
    worst = max(
        abs(_mean_error_percent(part))
        for key in (_by_tilt, _by_stack_and_size)
        for part in _parted(ellipsoids, key).values()
    )
    return Target(
        group=f"geometry (n = {len(ellipsoids)})",
        figure="mean error at ≥ 5 mL, worst tilt, stack and size",
        wanted=f"≤ {GEOMETRY_PERCENT:g} %",
        reached=f"{worst:.2f} %",
        is_met=worst <= GEOMETRY_PERCENT,
    )


def tilt_table(ellipsoids: Sequence[Ellipsoid]) -> str:
    """Errors of ellipsoids by tilt, and what the product of spacings would give."""
    rows: Rows = []
    for tilt, part in _parted(ellipsoids, _by_tilt).items():
        naive = mean(100 * (one.naive_ml / one.true_ml - 1) for one in part)
        rows.append(
            (tilt, f"{len(part)}", f"{_mean_error_percent(part):+.2f} %", f"{naive:+.2f} %")
        )
    titles = ("gantry tilt", "n", "corelab, mean error", "product of spacings, mean error")
    return table(rows, titles)


def size_table(ellipsoids: Sequence[Ellipsoid]) -> str:
    """Errors of ellipsoids by slices and size."""
    rows: Rows = []
    for (stack, size), part in _parted(ellipsoids, _by_stack_and_size).items():
        errors = [100 * (one.measured_ml / one.true_ml - 1) for one in part]
        shares = mean(100 * (one.shares_ml / one.true_ml - 1) for one in part)
        rows.append(
            (
                stack,
                size,
                f"{len(part)}",
                f"{mean(errors):+.2f} ± {pstdev(errors):.2f} %",
                f"{shares:+.2f} %",
            )
        )
    titles = ("slices", "ellipsoid", "n", "mask, mean ± SD", "shares of voxels, mean")
    return table(rows, titles)


def _methods(scores: Sequence[Score], group: Group) -> list[str]:
    return list(dict.fromkeys(score.method for score in scores if group.holds(score)))


def _by_tilt(one: Ellipsoid) -> str:
    return f"{one.tilt_deg:g}°"


def _by_stack_and_size(one: Ellipsoid) -> tuple[str, str]:
    return one.stack, f"{one.true_ml:g} mL"


def _parted(
    ellipsoids: Sequence[Ellipsoid], key: Callable[[Ellipsoid], K]
) -> dict[K, list[Ellipsoid]]:
    parts: dict[K, list[Ellipsoid]] = {}
    for one in ellipsoids:
        parts.setdefault(key(one), []).append(one)
    return parts


def _mean_error_percent(part: Sequence[Ellipsoid]) -> float:
    return mean(100 * (one.measured_ml / one.true_ml - 1) for one in part)


def _order(factor: str, level: str, part: Sequence[Score]) -> tuple[float, str]:
    """Levels of a number by that number, others by their names."""
    number = _NUMBERS.get(factor)
    return (mean(number(score) for score in part) if number else 0.0), level


def _number(tag: str) -> Callable[[Score], float]:
    return lambda score: abs(float(str(score.head.tags.get(tag) or 0)))


def _level(
    number: Callable[[Score], float], edges: Mapping[float, str], last: str
) -> Callable[[Score], str]:
    """Name the first edge that lies above a number."""

    def level(score: Score) -> str:
        size = number(score)
        return next((name for edge, name in edges.items() if size < edge), last)

    return level


def _word(tag: str) -> Callable[[Score], str]:
    return lambda score: str(score.head.tags.get(tag, ""))


def _skull(score: Score) -> str:
    return "closed" if score.head.tags.get("bulge_mm") is None else "open"


def _place(score: Score) -> str:
    kind = str(score.head.tags.get("kind", ""))
    return "MCA" if kind in (Kind.MCA, Kind.LARGE_MCA) else kind


_NUMBERS: dict[str, Callable[[Score], float]] = {
    "size": lambda score: score.true_ml,
    "depth": _number("depth_hu"),
    "day": _number("day"),
    "slices": _number("thickness_mm"),
    "noise": _number("noise"),
    "gantry tilt": _number("tilt_deg"),
    "b-value": _number("b_value_s_mm2"),
}
_SIZE = _level(
    _NUMBERS["size"], {10: "1 to 10 mL", 30: "10 to 30 mL", 100: "30 to 100 mL"}, "≥ 100 mL"
)
_SLICES = _level(_NUMBERS["slices"], {4: "< 4 mm", 5.5: "4 to 5 mm"}, "≥ 6 mm")
_COMMON: dict[str, Callable[[Score], str]] = {
    "size": _SIZE,
    "day": _word("day"),
    "place": _place,
    "slices": _SLICES,
    "field of view": _word("cut"),
    "leukoaraiosis": _level(_number("leukoaraiosis_mm"), {0.1: "no"}, "yes"),
    "old infarct": _level(_number("old_ml"), {0.1: "no"}, "yes"),
    "blood in it": _level(_number("blood_share"), {0.001: "no"}, "yes"),
}
_FACTORS: dict[Modality, dict[str, Callable[[Score], str]]] = {
    Modality.NCCT: _COMMON
    | {
        "depth": _level(_NUMBERS["depth"], {8: "5 to 8 HU", 12: "8 to 12 HU"}, "≥ 12 HU"),
        "noise": _level(_NUMBERS["noise"], {3.3: "< 3.3 HU", 4.2: "3.3 to 4.2 HU"}, "≥ 4.2 HU"),
        "gantry tilt": _level(_NUMBERS["gantry tilt"], {0.1: "none", 15: "4 to 15°"}, "≥ 15°"),
        "skull": _skull,
    },
    Modality.DWI: _COMMON
    | {
        "vendor": _word("vendor"),
        "b-value": _level(_NUMBERS["b-value"], {900: "800", 1100: "1000"}, "> 1000"),
    },
}
