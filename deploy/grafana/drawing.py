"""A board with its data as one page of HTML and SVG, close to how Grafana shows it in the dark."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, Final, NamedTuple

from deploy.grafana.graphs import (
    COLOURS,
    Alert,
    Data,
    Frame,
    Mark,
    clock,
    heatmap,
    lines,
    said,
    timeline,
)
from deploy.grafana.panels import Json
from deploy.grafana.units import written

WIDTH: Final = 1180
MARGIN, GAP, CELL, HEAD, TITLE = 8, 8, 30, 44, 30
STYLE: Final = f"""
body {{ margin: 0; background: #111217; color: #ccccdc; font: 12px "DejaVu Sans", sans-serif;
        width: {WIDTH}px; position: relative }}
h1 {{ position: absolute; left: 16px; top: 13px; margin: 0; font-size: 16px; font-weight: 500 }}
.range {{ position: absolute; right: 16px; top: 16px; color: #9a9aa8 }}
h2, .panel {{ position: absolute; box-sizing: border-box; margin: 0 }}
h2 {{ font-size: 14px; font-weight: 500; line-height: 30px; padding-left: 8px }}
.folded {{ color: #9a9aa8; font-weight: 400 }}
.panel {{ background: #181b1f; border: 1px solid #2a2d33; border-radius: 3px; overflow: hidden }}
.panel h3 {{ margin: 0; padding: 7px 10px; font-size: 12.5px; font-weight: 500;
             white-space: nowrap }}
.stat {{ color: #fff; border: 0 }}
.stat b {{ display: block; text-align: center; font-weight: 500; line-height: 56px }}
.stat h3 {{ font-size: 12px }}
.none {{ text-align: center; color: #8e8e9b; margin-top: 60px }}
svg {{ position: absolute; left: 0; top: {TITLE}px; font-size: 10.5px; fill: #a8a8b5 }}
.alert {{ margin: 0 10px 6px; padding: 6px 10px; background: #22252b; border-left: 4px solid }}
.alert i {{ float: right; font-style: normal; color: #a8a8b5 }}
"""


class Page(NamedTuple):
    text: str
    height: int


def page(
    title: str,
    panels: Sequence[tuple[Json, Data]],
    marks: Sequence[Mark],
    times: tuple[float, float],
) -> Page:
    drawn = [_placed(panel, data, marks, times) for panel, data in panels]
    height = max(_box(panel)[1] + _box(panel)[3] for panel, _ in panels) + MARGIN
    begins, ends = (clock(at, "%H:%M:%S") for at in times)
    text = (
        f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title><style>{STYLE}</style>"
        f"<h1>{escape(title)}</h1><div class=range>{begins} to {ends} UTC</div>{''.join(drawn)}"
    )
    return Page(text, round(height))


def _box(panel: Json) -> tuple[float, float, float, float]:
    place = panel["gridPos"]
    cell = (WIDTH - 2 * MARGIN + GAP) / 24
    return (
        MARGIN + place["x"] * cell,
        HEAD + place["y"] * (CELL + GAP),
        place["w"] * cell - GAP,
        place["h"] * (CELL + GAP) - GAP,
    )


def _placed(panel: Json, data: Data, marks: Sequence[Mark], times: tuple[float, float]) -> str:
    left, top, width, height = _box(panel)
    where = f"left:{left:.1f}px;top:{top:.1f}px;width:{width:.1f}px;height:{height:.1f}px"
    title = escape(panel["title"])
    if panel["type"] == "row":
        folded = f" <span class=folded>({len(panel['panels'])} panels, folded away)</span>"
        return f'<h2 style="{where}">{title}{folded if panel["collapsed"] else ""}</h2>'
    if panel["type"] == "stat":
        text, colour = _word(panel, data)
        size = 28 if len(text) * 17 < width else 15
        return (
            f'<div class="panel stat" style="{where};background:{colour}"><h3>{title}</h3>'
            f'<b style="font-size:{size}px">{escape(text)}</b></div>'
        )
    inside = _INSIDES[panel["type"]](panel, data, marks, Frame(width, height - TITLE, *times))
    return f'<div class=panel style="{where}"><h3>{title}</h3>{inside}</div>'


def _word(panel: Json, data: Data) -> tuple[str, str]:
    """What a tile says, and on which colour."""
    values = [value for series in data.series for value in series.points.values()]
    if not values:
        return "No data", COLOURS["red"]
    defaults = panel["fieldConfig"]["defaults"]
    if panel["options"]["textMode"] == "name":
        return ", ".join(series.name for series in data.series), said(defaults, max(values))[1]
    return said(defaults, values[-1])


def _alerts(_: Json, data: Data, __: Sequence[Mark], ___: Frame) -> str:
    if not data.alerts:
        return "<div class=none>No alerts</div>"
    return "".join(
        f'<div class=alert style="border-color:{_severity(alert)}">'
        f"<i>{alert.state} for {written(alert.seconds, 's')}</i>{escape(alert.name)} "
        f"<span class=folded>{escape(' '.join((alert.severity, *alert.about)))}</span></div>"
        for alert in data.alerts
    )


def _severity(alert: Alert) -> str:
    if alert.state == "pending":
        return COLOURS["yellow"]
    return COLOURS[{"critical": "red", "warning": "orange"}.get(alert.severity, "blue")]


_INSIDES: Final[Mapping[str, Callable[[Json, Data, Sequence[Mark], Frame], Any]]] = {
    "alertlist": _alerts,
    "timeseries": lines,
    "state-timeline": timeline,
    "heatmap": heatmap,
}
