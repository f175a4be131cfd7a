"""The panels a board is put together from, as Grafana's JSON wants them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]

DATASOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}
GREEN, AMBER, RED, BLUE = "green", "orange", "red", "blue"

#: Colours by what a value means, the same on every panel that tells series apart by it.
COLOURS: Final = {
    "{{outcome}}": {"delivered": GREEN, "refunded": BLUE, "closed": "purple"},
    "{{result}}": {
        "ok": GREEN,
        "done": GREEN,
        "sent": GREEN,
        "retry": AMBER,
        "unavailable": AMBER,
        "timeout": "yellow",
        "rate_limited": "purple",
        "unknown": "dark-red",
        "busy": BLUE,
        "again": AMBER,
        "failed": RED,
        "gone": RED,
        "refused": RED,
    },
}


@dataclass(frozen=True, slots=True)
class Query:
    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel; `runbook` names the alert whose runbook it links to."""

    title: str
    says: str
    queries: Sequence[Query]
    unit: str
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    runbook: str | None = None
    thresholds: Sequence[tuple[float | None, str]] = ((None, GREEN),)
    custom: Json = field(default_factory=dict)
    options: Json = field(default_factory=dict)
    defaults: Json = field(default_factory=dict)

    def json(self, id_: int, x: int, y: int) -> Json:
        return {
            "id": id_,
            "type": self.kind,
            "title": self.title,
            "description": self.says,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "links": _runbook(self.runbook),
            "targets": [self._target(*numbered) for numbered in enumerate(self.queries)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": self.options,
        }

    def _target(self, position: int, query: Query) -> Json:
        table = self.kind in {"stat", "bargauge", "table"}
        return {
            "refId": chr(ord("A") + position),
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "format": "heatmap" if self.kind == "heatmap" else "time_series",
            "instant": table,
            "range": not table,
        }

    def _defaults(self) -> Json:
        steps = [{"value": value, "color": colour} for value, colour in self.thresholds]
        return {
            "unit": self.unit,
            "custom": self.custom,
            "thresholds": {"mode": "absolute", "steps": steps},
            **self.defaults,
        }

    def _overrides(self) -> list[Json]:
        colours = COLOURS.get(self.queries[0].legend, {})
        return [
            {
                "matcher": {"id": "byName", "options": name},
                "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
            }
            for name, colour in colours.items()
        ]


def stat(title: str, says: str, expr: str, unit: str, **more: Any) -> Panel:
    return Panel(
        title=title,
        says=says,
        queries=[Query(expr)],
        unit=unit,
        kind="stat",
        width=3,
        height=4,
        options={
            "colorMode": "background",
            "graphMode": "none",
            "justifyMode": "center",
            "textMode": "value",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
        **more,
    )


def lines(
    title: str,
    says: str,
    queries: Sequence[Query],
    unit: str,
    *,
    stacked: bool = False,
    limit: float | None = None,
    **more: Any,
) -> Panel:
    """Lines over time; *limit* draws the value above which it is bad."""
    custom: Json = {
        "drawStyle": "line",
        "lineInterpolation": "stepAfter" if stacked else "linear",
        "lineWidth": 1 if stacked else 2,
        "fillOpacity": 45 if stacked else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "off" if limit is None else "dashed"},
    }
    return Panel(
        title=title,
        says=says,
        queries=queries,
        unit=unit,
        custom=custom,
        thresholds=((None, GREEN), *(() if limit is None else ((limit, RED),))),
        defaults={"min": 0, "color": {"mode": "palette-classic"}},
        options={
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        **more,
    )


def heatmap(title: str, says: str, expr: str, unit: str, **more: Any) -> Panel:
    return Panel(
        title=title,
        says=says,
        queries=[Query(expr, "{{le}}")],
        unit=unit,
        kind="heatmap",
        options={
            "calculate": False,
            "cellGap": 1,
            "color": {"mode": "scheme", "scheme": "Oranges", "steps": 32},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": True},
            "yAxis": {"axisPlacement": "left", "unit": unit},
        },
        **more,
    )


def timeline(
    title: str,
    says: str,
    query: Query,
    states: Sequence[tuple[int, str, str]],
    **more: Any,
) -> Panel:
    """A band per series, coloured by state: (value, text, colour)."""
    mapped = {
        str(value): {"text": text, "color": colour, "index": value}
        for value, text, colour in states
    }
    return Panel(
        title=title,
        says=says,
        queries=[query],
        unit="none",
        kind="state-timeline",
        defaults={
            "mappings": [{"type": "value", "options": mapped}],
            "color": {"mode": "thresholds"},
        },
        custom={"fillOpacity": 80, "lineWidth": 0},
        options={
            "mergeValues": True,
            "rowHeight": 0.8,
            "showValue": "never",
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "single"},
        },
        **more,
    )


def bars(title: str, says: str, query: Query, unit: str, **more: Any) -> Panel:
    return Panel(
        title=title,
        says=says,
        queries=[query],
        unit=unit,
        kind="bargauge",
        options={
            "displayMode": "gradient",
            "orientation": "horizontal",
            "showUnfilled": True,
            "valueMode": "color",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
        **more,
    )


def _runbook(alert: str | None) -> list[Json]:
    if alert is None:
        return []
    return [
        {
            "title": f"Runbook: {alert}",
            "url": f"${{runbooks}}/{alert}.md",
            "targetBlank": True,
        }
    ]
