"""The panels a board is put together from, as Grafana's JSON wants them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from deploy.grafana.selectors import IDLE, NO_DATA, WITH_EXEMPLARS, A, or_no_data

Json: TypeAlias = dict[str, Any]

DATASOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}
GREEN, AMBER, RED, BLUE, GREY = "green", "orange", "red", "blue", "#5a5f69"
UNKNOWN: Final[Mapping[float, tuple[str, str]]] = {
    NO_DATA: ("not known", GREY),
    IDLE: ("nobody asked", GREY),
}
PROVIDER_BOARD: Final = "activation-worker-provider"

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
        "passed_on": BLUE,
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

    @property
    def has_exemplars(self) -> bool:
        """Whether it reads buckets that keep which activation was counted there last."""
        return any(f"{A}{name}_bucket" in self.expr for name in WITH_EXEMPLARS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel, with what is normal there and what to do otherwise.

    `runbook` names the alert, or the alerts, whose runbook it links to, `desk` the page there.
    """

    title: str
    normal: str
    otherwise: str
    queries: Sequence[Query]
    unit: str
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    runbook: str | Sequence[str] = ()
    desk: str | None = None
    thresholds: Sequence[tuple[float | None, str]] = ((None, GREEN),)
    custom: Json = field(default_factory=dict)
    options: Json = field(default_factory=dict)
    defaults: Json = field(default_factory=dict)

    def json(self, id_: int, x: int, y: int) -> Json:
        return {
            "id": id_,
            "type": self.kind,
            "title": self.title,
            "description": f"Normal: {self.normal}. Otherwise: {self.otherwise}.",
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "links": [*_runbooks(self.runbook), *_desk(self.desk)],
            "targets": [self._target(*numbered) for numbered in enumerate(self.queries)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": self.options,
        }

    def _target(self, position: int, query: Query) -> Json:
        table = self.kind == "stat"
        return {
            "refId": chr(ord("A") + position),
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "format": "heatmap" if self.kind == "heatmap" else "time_series",
            "instant": table,
            "range": not table,
            # Once for all lines of a panel: they are drawn from the same buckets. A dot stands at
            # its seconds, so the axis has to be one of seconds.
            "exemplar": position == 0 and self._has_seconds and query.has_exemplars,
        }

    @property
    def _has_seconds(self) -> bool:
        """Whether seconds are what its axis goes by."""
        return self.kind == "heatmap" or (self.kind == "timeseries" and self.unit == "s")

    def _defaults(self) -> Json:
        steps = [{"value": value, "color": colour} for value, colour in self.thresholds]
        return {
            "unit": self.unit,
            "custom": self.custom,
            "thresholds": {"mode": "absolute", "steps": steps},
            "links": _provider(self.queries),
            **self.defaults,
        }

    def _overrides(self) -> list[Json]:
        colours = COLOURS.get(self.queries[0].legend, {}) if self.queries else {}
        return [
            {
                "matcher": {"id": "byName", "options": name},
                "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
            }
            for name, colour in colours.items()
        ]


def tile(
    title: str,
    expr: str,
    unit: str,
    *,
    words: Mapping[float, tuple[str, str]] | None = None,
    width: int = 3,
    **more: Any,
) -> Panel:
    """A number on its colour, grey where there is no fresh one; *words* for what values mean."""
    texts = {**UNKNOWN, NO_DATA: ("no fresh data", GREY), **(words or {})}
    return Panel(
        title=title,
        queries=[Query(or_no_data(expr))],
        unit=unit,
        kind="stat",
        width=width,
        height=3,
        defaults={"mappings": _mappings(texts)},
        options={
            "colorMode": "background",
            "graphMode": "none",
            "justifyMode": "center",
            "textMode": "value",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
        **more,
    )


def names(title: str, query: Query, words: Mapping[float, tuple[str, str]], **more: Any) -> Panel:
    """The names of the series beside each other, each on the colour of its value."""
    return Panel(
        title=title,
        queries=[query],
        unit="none",
        kind="stat",
        height=3,
        defaults={"mappings": _mappings({**UNKNOWN, **words})},
        options={
            "colorMode": "background",
            "graphMode": "none",
            "justifyMode": "center",
            "orientation": "vertical",
            "textMode": "name",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
        **more,
    )


def lines(
    title: str,
    queries: Sequence[Query],
    unit: str,
    *,
    stacked: bool = False,
    limit: float | None = None,
    limits: Sequence[tuple[float, str]] = (),
    **more: Any,
) -> Panel:
    """Lines over time; *limit* draws the value above which it is bad, *limits* several."""
    drawn = limits if limit is None else ((limit, RED),)
    custom: Json = {
        "drawStyle": "line",
        "lineInterpolation": "stepAfter" if stacked else "linear",
        "lineWidth": 1 if stacked else 2,
        "fillOpacity": 45 if stacked else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if drawn else "off"},
    }
    return Panel(
        title=title,
        queries=queries,
        unit=unit,
        custom=custom,
        thresholds=((None, GREEN), *drawn),
        defaults={"min": 0, "color": {"mode": "palette-classic"}},
        options={
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        **more,
    )


def heatmap(title: str, expr: str, unit: str, **more: Any) -> Panel:
    return Panel(
        title=title,
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
    title: str, queries: Sequence[Query], words: Mapping[float, tuple[str, str]], **more: Any
) -> Panel:
    """A band per series with its word, coloured by its value from 0 to 1; between them is amber.

    Grey is what nobody knows and what nobody asked for.
    """
    return Panel(
        title=title,
        queries=queries,
        unit="none",
        kind="state-timeline",
        thresholds=((None, words[0][1]), (0.001, AMBER), (1, words[1][1])),
        defaults={"mappings": _mappings({**UNKNOWN, **words}), "color": {"mode": "thresholds"}},
        custom={"fillOpacity": 80, "lineWidth": 0},
        options={
            "mergeValues": True,
            "rowHeight": 0.8,
            "showValue": "auto",
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
            "tooltip": {"mode": "single"},
        },
        **more,
    )


def alert_list(title: str, **more: Any) -> Panel:
    """The alerts of the worker that fire or are about to, by Grafana's own list."""
    return Panel(
        title=title,
        queries=(),
        unit="none",
        kind="alertlist",
        options={
            "viewMode": "list",
            "groupMode": "default",
            "groupBy": [],
            "maxItems": 20,
            "sortOrder": 3,  # The most severe first.
            "dashboardAlerts": False,
            "alertName": "",
            "alertInstanceLabelFilter": '{alertname=~"ActivationWorker.+"}',
            "stateFilter": {
                "firing": True,
                "pending": True,
                "noData": False,
                "normal": False,
                "error": True,
            },
        },
        **more,
    )


def _mappings(words: Mapping[float, tuple[str, str]]) -> list[Json]:
    texts = {
        f"{value:g}": {"text": text, "color": colour, "index": position}
        for position, (value, (text, colour)) in enumerate(words.items())
    }
    return [{"type": "value", "options": texts}]


def _runbooks(alerts: str | Sequence[str]) -> list[Json]:
    return [
        {"title": f"Runbook: {alert}", "url": f"${{runbooks}}/{alert}.md", "targetBlank": True}
        for alert in ([alerts] if isinstance(alerts, str) else alerts)
    ]


def _desk(page: str | None) -> list[Json]:
    if page is None:
        return []
    return [{"title": "The desk", "url": f"${{desk}}{page}", "targetBlank": True}]


def _provider(queries: Sequence[Query]) -> list[Json]:
    """From a series of one provider to its board."""
    if not any("{{provider}}" in query.legend for query in queries):
        return []
    choice = "var-provider=${__field.labels.provider}"
    return [
        {
            "title": "This provider",
            "url": f"/d/{PROVIDER_BOARD}?${{__url_time_range}}&{choice}",
        }
    ]
