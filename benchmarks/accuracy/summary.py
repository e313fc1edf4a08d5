"""What many scores come to: the figures that have a target, and those beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import mean, median

import numpy as np

from benchmarks.accuracy.scoring import Score
from corelab.kernels.agreement import Agreement, agreement
from corelab.vocab import Modality

EMBOLI_ML = (0.3, 1.0)
_LEAST_CASES = 3


class Group(Enum):
    """Heads that are judged together: a modality and a range of true volumes, mL."""

    CT_INFARCT = ("NCCT, infarct ≥ 10 mL", Modality.NCCT, 10.0, np.inf)
    CT_SMALL = ("NCCT, infarct < 10 mL", Modality.NCCT, 1e-9, 10.0)
    CT_NONE = ("NCCT, no infarct", Modality.NCCT, 0.0, 1e-9)
    DWI_INFARCT = ("DWI, infarct ≥ 1 mL", Modality.DWI, 1.0, np.inf)
    DWI_EMBOLI = ("DWI, emboli 0.3 to 1 mL", Modality.DWI, 1e-9, 1.0)
    DWI_NONE = ("DWI, no infarct", Modality.DWI, 0.0, 1e-9)

    @property
    def title(self) -> str:
        """Words for a table."""
        return self.value[0]

    def holds(self, score: Score) -> bool:
        """Whether a score's head is of this group."""
        _, modality, low, high = self.value
        return score.head.modality is modality and low <= score.true_ml < high


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One bar, and what it was met with."""

    group: str
    figure: str
    wanted: str
    reached: str
    is_met: bool


def in_group(scores: Iterable[Score], group: Group, method: str) -> list[Score]:
    """One method's scores on the heads of a group."""
    return [score for score in scores if score.method == method and group.holds(score)]


def measured(scores: Sequence[Score]) -> list[Score]:
    """Scores with a volume: those of heads that were not refused."""
    return [score for score in scores if score.refusal is None]


def agreement_of(scores: Sequence[Score]) -> Agreement | None:
    """Found beside true volumes; ``None`` for fewer than three."""
    kept = measured(scores)
    if len(kept) < _LEAST_CASES:
        return None
    true_ml, found_ml = (
        np.array([getattr(score, name) for score in kept], dtype=np.float64)
        for name in ("true_ml", "found_ml")
    )
    return agreement(true_ml, found_ml)


def median_dice(scores: Sequence[Score]) -> float:
    """Median overlap, 0 for refused heads."""
    return median(score.dice for score in scores)


def median_error_percent(scores: Sequence[Score]) -> float:
    """Median size of the volume's error, % of the truth."""
    return 100 * median(score.relative_error for score in measured(scores))


def bias_ml(scores: Sequence[Score]) -> float:
    """Mean of found minus true."""
    return mean(score.error_ml for score in measured(scores))


def share_covered(scores: Sequence[Score]) -> float:
    """Share of the heads whose truth lies in the sensitivity range."""
    return sum(score.is_covered for score in scores) / len(scores)


def most_found_ml(scores: Sequence[Score]) -> float:
    """Largest volume found."""
    return max(score.found_ml for score in measured(scores))


def targets(scores: Sequence[Score], method: str) -> list[Target]:
    """Every bar for volumes and overlaps beside what one method reached."""
    found: list[Target] = []
    for group, bars in _BARS.items():
        chosen = in_group(scores, group, method)
        if chosen:
            found += [bar(f"{group.title} (n = {len(chosen)})", chosen) for bar in bars]
    return found


Bar = Callable[[str, Sequence[Score]], Target]


def _dice_bar(least: float) -> Bar:
    def bar(group: str, scores: Sequence[Score]) -> Target:
        value = median_dice(scores)
        return Target(
            group=group,
            figure="median Dice",
            wanted=f"≥ {least:.2f}",
            reached=f"{value:.3f}",
            is_met=value >= least,
        )

    return bar


def _worst_bar(least: float) -> Bar:
    def bar(group: str, scores: Sequence[Score]) -> Target:
        below = [score for score in scores if score.dice < least]
        worst = min(scores, key=lambda score: score.dice)
        return Target(
            group=group,
            figure=f"cases with Dice < {least:.2f}",
            wanted="0",
            reached=f"{len(below)} (worst {worst.dice:.2f}, {worst.head.name})",
            is_met=not below,
        )

    return bar


def _error_bar(most_percent: float) -> Bar:
    def bar(group: str, scores: Sequence[Score]) -> Target:
        value = median_error_percent(scores)
        return Target(
            group=group,
            figure="median volume error",
            wanted=f"≤ {most_percent:g} %",
            reached=f"{value:.1f} %",
            is_met=value <= most_percent,
        )

    return bar


def _bias_bar(most_ml: float) -> Bar:
    def bar(group: str, scores: Sequence[Score]) -> Target:
        value = bias_ml(scores)
        return Target(
            group=group,
            figure="bias",
            wanted=f"within ± {most_ml:g} mL",
            reached=f"{value:+.2f} mL",
            is_met=abs(value) <= most_ml,
        )

    return bar


def _false_bar(most_ml: float) -> Bar:
    def bar(group: str, scores: Sequence[Score]) -> Target:
        value = most_found_ml(scores)
        return Target(
            group=group,
            figure="found in any head",
            wanted=f"≤ {most_ml:g} mL",
            reached=f"at most {value:.2f} mL",
            is_met=value <= most_ml,
        )

    return bar


def _found_bar(group: str, scores: Sequence[Score]) -> Target:
    n_found = sum(score.is_found for score in scores)
    return Target(
        group=group,
        figure="heads whose emboli are found",
        wanted="≥ 9 of 10",
        reached=f"{n_found} of {len(scores)}",
        is_met=10 * n_found >= 9 * len(scores),
    )


def _pieces_bar(group: str, scores: Sequence[Score]) -> Target:
    value = mean(score.n_false for score in scores)
    return Target(
        group=group,
        figure="false components a head",
        wanted="≤ 1",
        reached=f"{value:.1f} on average, at most {max(score.n_false for score in scores)}",
        is_met=value <= 1,
    )


_BARS: dict[Group, tuple[Bar, ...]] = {
    Group.CT_INFARCT: (_dice_bar(0.88), _worst_bar(0.70), _error_bar(5), _bias_bar(1)),
    Group.CT_NONE: (_false_bar(1.0),),
    Group.DWI_INFARCT: (_dice_bar(0.92), _worst_bar(0.75), _error_bar(4)),
    Group.DWI_EMBOLI: (_found_bar, _pieces_bar),
    Group.DWI_NONE: (_false_bar(0.2),),
}
