"""Graphs with their data as SVG, close to how Grafana draws them in the dark."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final, NamedTuple

from deploy.grafana.panels import Json
from deploy.grafana.units import written

LEGEND_LINE: Final = 18
TIME_WIDTH: Final = 46  #: What a time takes on its axis.
EVERY: Final = (60, 120, 300, 900, 3_600, 10_800, 43_200, 432_000)  #: Seconds between two.
LETTER: Final = 6.2  #: About how wide a letter of the small text is.
SHADES: Final = ("#3a1d0b", "#6b3410", "#9c4c12", "#c96a1c", "#f08c32", "#ffb870", "#ffe0bd")
PALETTE: Final = (
    *("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9"),
    *("#705da0", "#508642", "#cca300"),
)
COLOURS: Final = {
    "green": "#56a64b",
    "orange": "#f28c28",
    "semi-dark-orange": "#ff780a",
    "red": "#e0394e",
    "dark-red": "#a3142a",
    "blue": "#5794f2",
    "purple": "#b877d9",
    "yellow": "#e6c229",
}
NOTHING: Final = "<div class=none>No data</div>"


class Series(NamedTuple):
    name: str
    points: Mapping[float, float]  #: By time.


class Alert(NamedTuple):
    name: str
    severity: str
    state: str
    about: Sequence[str]
    seconds: float


class Mark(NamedTuple):
    begins: float
    ends: float
    colour: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What the queries of a panel found."""

    series: Sequence[Series] = ()
    alerts: Sequence[Alert] = ()
    step: float = 0


class Area(NamedTuple):
    """The part of a panel in which points are drawn, and the times and values at its edges."""

    left: float
    top: float
    right: float
    bottom: float
    begins: float
    ends: float
    highest: float

    def x(self, at: float) -> float:
        share = (at - self.begins) / (self.ends - self.begins)
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def y(self, value: float) -> float:
        return self.bottom - value / self.highest * (self.bottom - self.top)


class Frame(NamedTuple):
    width: float
    height: float
    begins: float
    ends: float

    def area(self, left: float, below: float, highest: float) -> Area:
        ends = (self.begins, self.ends)
        return Area(left, 6, self.width - 12, self.height - below - 20, *ends, highest)


def lines(panel: Json, data: Data, marks: Sequence[Mark], frame: Frame) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    series = [s for s in data.series if any(not math.isnan(v) for v in s.points.values())]
    stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    legend, below = _legend(series, _colours(panel, series), frame)
    tops = list(_stacked(series)) if stacked else [s.points for s in series]
    top = max((v for points in tops for v in points.values() if not math.isnan(v)), default=0)
    area = frame.area(58, below, _round_up(top))
    parts = [*_axes(area, defaults["unit"]), *_marked(area, marks)]
    floors: Sequence[Mapping[float, float]] = [{}, *tops] if stacked else [{}] * len(tops)
    colours = _colours(panel, series)
    for points, floor, colour in reversed(list(zip(tops, floors, colours, strict=False))):
        parts += _drawn(area, points, floor, colour, data.step, filled=stacked)
    if defaults["custom"]["thresholdsStyle"]["mode"] != "off":
        parts += _limits(area, defaults)
    if not series:
        middle = (area.left + area.right) / 2
        parts.append(f'<text x="{middle}" y="70" text-anchor="middle">No data</text>')
    return _svg(frame, [*parts, *legend])


def _stacked(series: Sequence[Series]) -> Iterator[Mapping[float, float]]:
    """Each series on top of those before it."""
    times = sorted({at for each in series for at in each.points})
    sums = dict.fromkeys(times, 0.0)
    for each in series:
        for at, value in each.points.items():
            sums[at] += 0 if math.isnan(value) else value
        yield dict(sums)


def _colours(panel: Json, series: Sequence[Series]) -> list[str]:
    """One for each series: that of what it means, where there is one."""
    fixed = {
        each["matcher"]["options"]: each["properties"][0]["value"]["fixedColor"]
        for each in panel["fieldConfig"]["overrides"]
    }
    free = iter(PALETTE * 9)
    return [COLOURS.get(c, c) if (c := fixed.get(s.name)) else next(free) for s in series]


def _drawn(
    area: Area,
    points: Mapping[float, float],
    floor: Mapping[float, float],
    colour: str,
    step: float,
    *,
    filled: bool,
) -> Iterator[str]:
    for times in _runs(points, step):
        upper = " ".join(f"{area.x(at):.1f},{area.y(points[at]):.1f}" for at in times)
        if filled:
            lower = " ".join(
                f"{area.x(at):.1f},{area.y(floor.get(at, 0)):.1f}" for at in reversed(times)
            )
            yield f'<polygon points="{upper} {lower}" fill="{colour}" fill-opacity="0.5"/>'
        yield (
            f'<polyline points="{upper}" fill="none" stroke="{colour}" stroke-width="1.6"'
            ' stroke-linejoin="round"/>'
        )


def _runs(points: Mapping[float, float], step: float) -> Iterator[list[float]]:
    """The times of points that follow each other without a gap."""
    run: list[float] = []
    for at in sorted(points):
        if math.isnan(points[at]):
            continue
        if run and at - run[-1] > 1.5 * step:
            yield run
            run = []
        run.append(at)
    if run:
        yield run


def _axes(area: Area, unit: str) -> Iterator[str]:
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = area.y(area.highest * share)
        yield f'<path d="M{area.left},{y:.1f}H{area.right}" stroke="#2a2d33"/>'
        text = written(area.highest * share, unit)
        yield f'<text x="{area.left - 6}" y="{y + 3.5:.1f}" text-anchor="end">{text}</text>'
    yield from _times(area)


def _times(area: Area) -> Iterator[str]:
    span = area.ends - area.begins
    most = (area.right - area.left) / TIME_WIDTH
    every = next((s for s in EVERY if span / s <= most), EVERY[-1])
    form = "%H:%M" if span <= 86_400 else "%m-%d"
    at = math.ceil(area.begins / every) * every
    while at <= area.ends:
        x, y = area.x(at), area.bottom + 15
        if x + 16 < area.right + 12:
            yield f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{clock(at, form)}</text>'
        at += every


def _marked(area: Area, marks: Iterable[Mark]) -> Iterator[str]:
    for mark in marks:
        left, right = area.x(mark.begins), area.x(mark.ends)
        colour = COLOURS.get(mark.colour, mark.colour)
        height = area.bottom - area.top
        if right - left > 2:
            yield (
                f'<rect x="{left:.1f}" y="{area.top}" width="{right - left:.1f}" '
                f'height="{height:.1f}" fill="{colour}" fill-opacity="0.16"/>'
            )
        line = f"M{left:.1f},{area.top}V{area.bottom:.1f}"
        yield f'<path d="{line}" stroke="{colour}" stroke-dasharray="4 3" stroke-opacity="0.8"/>'


def _limits(area: Area, defaults: Json) -> Iterator[str]:
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is not None and step["value"] <= area.highest:
            y, colour = area.y(step["value"]), COLOURS.get(step["color"], step["color"])
            line = f"M{area.left},{y:.1f}H{area.right}"
            yield f'<path d="{line}" stroke="{colour}" stroke-dasharray="8 5" stroke-width="1.4"/>'


def _legend(
    series: Sequence[Series], colours: Sequence[str], frame: Frame
) -> tuple[list[str], float]:
    """The names below the graph, and how much of its height they take."""
    places, x, line = [], 12.0, 0
    for each in series:
        needed = len(each.name) * LETTER + 28
        if x + needed > frame.width and x > 12:
            x, line = 12.0, line + 1
        places.append((x, line))
        x += needed
    height = (line + 1) * LEGEND_LINE if series else 0
    parts = []
    for each, colour, (x, line) in zip(series, colours, places, strict=True):
        y = frame.height - height + (line + 0.5) * LEGEND_LINE
        parts.append(f'<rect x="{x:.1f}" y="{y - 2:.1f}" width="12" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{x + 17:.1f}" y="{y + 4:.1f}">{escape(each.name)}</text>')
    return parts, height


def timeline(panel: Json, data: Data, marks: Sequence[Mark], frame: Frame) -> str:
    if not data.series:
        return NOTHING
    left = max(len(each.name) for each in data.series) * LETTER + 18
    area = frame.area(left, 0, 1)
    row = (area.bottom - area.top) / len(data.series)
    parts = [*_times(area)]
    for position, each in enumerate(data.series):
        y = area.top + position * row
        middle = y + row / 2 + 3.5
        name = escape(each.name)
        parts.append(f'<text x="{left - 8}" y="{middle:.1f}" text-anchor="end">{name}</text>')
        for begins, ends, value in _bands(each, data.step):
            x = area.x(begins)
            word, colour = said(panel["fieldConfig"]["defaults"], value)
            width = area.x(ends) - x
            parts.append(
                f'<rect x="{x:.1f}" y="{y + row * 0.1:.1f}" width="{width:.1f}"'
                f' height="{row * 0.8:.1f}" fill="{colour}" fill-opacity="0.85"/>'
            )
            if len(word) * LETTER + 8 < width:
                parts.append(
                    f'<text x="{x + 5:.1f}" y="{middle:.1f}" fill="#ffffff">{escape(word)}</text>'
                )
    return _svg(frame, [*parts, *_marked(area, [m for m in marks if m.begins == m.ends])])


def _bands(series: Series, step: float) -> Iterator[tuple[float, float, float]]:
    """Stretches of one value: from, to, value."""
    begins, last, value = 0.0, 0.0, math.nan
    for at in sorted(series.points):
        now = series.points[at]
        if now != value or at - last > 1.5 * step:
            if last:
                yield begins, min(last + step, at), value
            begins, value = at, now
        last = at
    yield begins, last + step, value


def heatmap(panel: Json, data: Data, marks: Sequence[Mark], frame: Frame) -> str:
    buckets = sorted(data.series, key=lambda each: float(each.name))
    if not buckets:
        return NOTHING
    cells = []
    below: Mapping[float, float] = {}
    for position, bucket in enumerate(buckets):
        for at, value in bucket.points.items():
            seen = value - below.get(at, 0)
            if seen > 0.05:
                cells.append((at, position, seen))
        below = bucket.points
    area = frame.area(70, 0, len(buckets))
    most = max((seen for _, _, seen in cells), default=1)
    parts = [*_times(area), *_marked(area, marks)]
    for at, position, seen in cells:
        shade = SHADES[min(int(math.sqrt(seen / most) * len(SHADES)), len(SHADES) - 1)]
        top = area.y(position + 1)
        left = area.x(at)
        width = area.x(at + data.step) - left + 0.3
        parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}"'
            f' height="{area.y(position) - top - 1:.1f}" fill="{shade}"/>'
        )
    unit = panel["options"]["yAxis"]["unit"]
    for position, bucket in enumerate(buckets):
        edge = float(bucket.name)
        text = "more" if math.isinf(edge) else f"to {written(edge, unit)}"
        y = area.y(position + 0.5) + 3.5
        parts.append(f'<text x="{area.left - 6}" y="{y:.1f}" text-anchor="end">{text}</text>')
    return _svg(frame, parts)


def _svg(frame: Frame, parts: Iterable[str]) -> str:
    size = f'width="{frame.width:.1f}" height="{frame.height:.1f}"'
    return f"<svg {size}>{''.join(parts)}</svg>"


def _round_up(value: float) -> float:
    """The next number that ends an axis well."""
    if value <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(n * size for n in (1, 1.2, 1.6, 2, 3, 4, 6, 8, 10) if n * size >= value)


def said(defaults: Json, value: float) -> tuple[str, str]:
    for mapped in defaults.get("mappings", ()):
        word = mapped["options"].get(f"{value:g}")
        if word is not None:
            return str(word["text"]), str(COLOURS.get(word["color"], word["color"]))
    return written(value, defaults["unit"]), _graded(defaults, value)


def _graded(defaults: Json, value: float) -> str:
    steps = defaults["thresholds"]["steps"]
    reached = [s["color"] for s in steps if s["value"] is None or value >= s["value"]]
    return str(COLOURS.get(reached[-1], reached[-1]))


def clock(at: float, form: str) -> str:
    return datetime.fromtimestamp(at, UTC).strftime(form)
