"""Strip plots as plain numbers that the page's template turns into inline SVG."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

PLOT_LEFT = 130.0
PLOT_RIGHT = 700.0
WIDTH = 720.0

_DOT_PX = 9.0
_HALF_STRIP_MIN = 14.0
_HALF_STRIP_MAX = 44.0
_STRIP_GAP = 12.0
_TICK_GAP_PX = 34.0
_AXIS_HEIGHT = 40.0
_CUBE_ROOT_TICKS = (0, 0.1, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 700, 1000, 1500, 2000)
_LINEAR_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value to plot: the strip it belongs to and the case it leads to."""

    group: str
    value: float
    case_id: str
    label: str
    is_flagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A horizontal axis on which ``value ** power`` is even."""

    title: str
    low: float
    high: float
    power: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Horizontal place of a value in the plot."""
        low, here, high = (math.pow(each, self.power) for each in (self.low, value, self.high))
        return PLOT_LEFT + (here - low) / (high - low) * (PLOT_RIGHT - PLOT_LEFT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A point in its place."""

    x: float
    y: float
    point: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A labelled place on the axis."""

    x: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One group's dots, the middle of its band and its median."""

    label: str
    y: float
    half_height: float
    median_x: float
    median_label: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StripChart:
    """A strip plot ready to be drawn."""

    title: str
    height: float
    axis_y: float
    strips: tuple[Strip, ...]
    ticks: tuple[Tick, ...]


def cube_root_axis(title: str, values: Sequence[float]) -> Axis:
    """Axis from 0 whose cube root is even: small infarcts keep their room, and 0 has a place."""
    high = max(1.0, *values) * 1.03
    ticks = tuple(float(tick) for tick in _CUBE_ROOT_TICKS if tick <= high)
    return Axis(title=title, low=0.0, high=high, power=1 / 3, ticks=ticks)


def linear_axis(title: str, values: Sequence[float]) -> Axis:
    """Even axis around the values, whole steps at both ends."""
    low, high = min(values), max(values)
    step = next((s for s in _LINEAR_STEPS if (high - low) / s <= 6), _LINEAR_STEPS[-1])  # noqa: PLR2004 - as many ticks as fit
    first = math.floor(low / step) * step
    last = max(math.ceil(high / step) * step, first + step)
    ticks = tuple(float(first + n * step) for n in range(round((last - first) / step) + 1))
    return Axis(title=title, low=float(first), high=float(last), power=1.0, ticks=ticks)


def strip_chart(points: Sequence[Point], axis: Axis) -> StripChart:
    """Dots of each group along one axis, moved apart so that none hides another."""
    groups: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        groups[point.group].append(point)
    strips = []
    top = 6.0
    for label in sorted(groups):
        strip = _strip(label, groups[label], axis, top)
        strips.append(strip)
        top = strip.y + strip.half_height + _STRIP_GAP
    return StripChart(
        title=axis.title,
        height=top + _AXIS_HEIGHT,
        axis_y=top,
        strips=tuple(strips),
        ticks=tuple(_spaced_ticks(axis)),
    )


def _strip(label: str, points: Sequence[Point], axis: Axis, top: float) -> Strip:
    ordered = sorted(points, key=lambda point: (point.value, point.case_id))
    lanes = _lanes([axis.place(point.value) for point in ordered])
    furthest = max(map(abs, lanes))
    half_height = min(max(_HALF_STRIP_MIN, (furthest + 0.7) * _DOT_PX), _HALF_STRIP_MAX)
    step = min(_DOT_PX, half_height / (furthest + 0.7))
    middle = median(point.value for point in ordered)
    y = top + half_height
    return Strip(
        label=label,
        y=y,
        half_height=half_height,
        median_x=axis.place(middle),
        median_label=f"median {middle:.1f} mL of {len(ordered)}",
        dots=tuple(
            Dot(x=axis.place(point.value), y=y + lane * step, point=point)
            for point, lane in zip(ordered, lanes, strict=True)
        ),
    )


def _lanes(places: Sequence[float]) -> list[int]:
    """Nearest free lane to the middle for each ascending place: 0, 1, -1, 2, -2 and so on."""
    taken: deque[tuple[float, int]] = deque()
    free: list[int] = []
    n_lanes = 0
    lanes = []
    for x in places:
        while taken and x - taken[0][0] >= _DOT_PX:
            heapq.heappush(free, taken.popleft()[1])
        rank = heapq.heappop(free) if free else n_lanes
        n_lanes = max(n_lanes, rank + 1)
        taken.append((x, rank))
        lanes.append((rank + 1) // 2 * (1 if rank % 2 else -1))
    return lanes


def _spaced_ticks(axis: Axis) -> Iterator[Tick]:
    last = -math.inf
    for value in axis.ticks:
        x = axis.place(value)
        if x - last >= _TICK_GAP_PX:
            yield Tick(x=x, label=f"{value:g}")
            last = x
