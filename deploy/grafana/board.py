"""Puts panels of rows onto a board: positions, ids, variables, annotations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deploy.grafana.panels import AMBER, BLUE, DATASOURCE, RED, Json, Panel
from deploy.grafana.selectors import A, P, W

TAG = "activation-worker"
WIDTH = 24
SCHEMA = 41  # Grafana 11.6; newer ones migrate it forward


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: Sequence[Panel]
    collapsed: bool = False


def board(
    *,
    uid: str,
    title: str,
    says: str,
    rows: Sequence[Row],
    variables: Sequence[Json] = (),
    begins: str = "now-6h",
) -> Json:
    """One board; *variables* are those it has besides the data source, the job and the worker."""
    return {
        "uid": uid,
        "title": title,
        "description": says,
        "tags": [TAG],
        "schemaVersion": SCHEMA,
        "version": 1,
        # Boards are code: what is changed in the browser is gone with the next deploy.
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": begins, "to": "now"},
        "timezone": "utc",
        "templating": {"list": [*_variables(), *variables]},
        "annotations": {"list": list(_annotations(variables))},
        "links": _links(),
        "panels": list(_placed(rows)),
    }


def _placed(rows: Sequence[Row]) -> Iterator[Json]:
    id_, y = 1, 0
    for row in rows:
        inside, bottom = _flow(row.panels, id_ + 1, y + 1)
        yield {
            "id": id_,
            "type": "row",
            "title": row.title,
            "collapsed": row.collapsed,
            "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1},
            "panels": inside if row.collapsed else [],
        }
        if not row.collapsed:
            yield from inside
        id_ += 1 + len(inside)
        # A collapsed row takes one line; what is in it opens below.
        y = y + 1 if row.collapsed else bottom


def _flow(panels: Sequence[Panel], id_: int, y: int) -> tuple[list[Json], int]:
    """Left to right, a new line where the next one does not fit."""
    placed, x, height = [], 0, 0
    for offset, panel in enumerate(panels):
        if x + panel.width > WIDTH:
            x, y, height = 0, y + height, 0
        placed.append(panel.json(id_ + offset, x, y))
        x, height = x + panel.width, max(height, panel.height)
    return placed, y + height


def _variables() -> list[Json]:
    return [
        {
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "prometheus",
            "current": {"text": "Prometheus", "value": "prometheus"},
        },
        _values("job", "Job", "label_values(activation_worker_build_info, job)"),
        _values(
            "instance",
            "Worker",
            'label_values(activation_worker_build_info{job=~"$job"}, instance)',
        ),
        _address("runbooks", "Where the runbooks are", "http://127.0.0.1:9090/user"),
        _address("desk", "Where the desk is", "http://127.0.0.1:8088"),
    ]


def provider(*, single: bool = False) -> Json:
    """The choice of providers: all of them at first, or one."""
    query = 'label_values(activation_worker_live{job=~"$job"}, provider)'
    chosen = _values("provider", "Provider", query)
    if single:
        del chosen["allValue"], chosen["current"]
        chosen |= {"multi": False, "includeAll": False}
    return chosen


def _values(name: str, label: str, query: str) -> Json:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,  # whenever the time range changes
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _address(name: str, label: str, url: str) -> Json:
    """A constant that is not shown: who deploys the boards changes it in their JSON."""
    return {"name": name, "type": "constant", "label": label, "query": url, "hide": 2}


def _links() -> list[Json]:
    return [
        {
            "title": "Boards",
            "type": "dashboards",
            "tags": [TAG],
            "asDropdown": False,
            "includeVars": True,
            "keepTime": True,
        },
        {"title": "The desk", "type": "link", "url": "${desk}", "targetBlank": True},
    ]


def _annotations(variables: Sequence[Json]) -> Iterator[Json]:
    """What happened to all, drawn on every graph: deploys, starts, outages."""
    versions = f"count by (version) ({A}build_info{{{W}}}"
    yield _annotation(
        "Deploys",
        BLUE,
        f"{versions}) unless on (version) {versions} offset 1m)",
        ("Deploy", "version {{version}} runs"),
        step="60s",  # As long as it is new: one point.
    )
    yield {
        **_annotation(
            "Worker starts",
            BLUE,
            f"process_start_time_seconds{{{W}}} * 1000",
            ("Worker started", "{{instance}}"),
        ),
        "useValueForTime": True,
    }
    yield _annotation(
        "Server outages",
        RED,
        f"max by (dependency) ({A}dependency_up{{{W}}}) == bool 0 > 0",
        ("Server away", "no worker can use {{dependency}}"),
    )
    # Where providers are chosen, of those alone: another's outage is none of this one.
    chosen = P if any(each["name"] == "provider" for each in variables) else W
    yield _annotation(
        "Provider outages",
        AMBER,
        f"max by (provider) ({A}provider_circuit_open{{{chosen}}}) > 0",
        ("Provider away", "{{provider}} does not answer"),
    )


def _annotation(
    name: str, colour: str, expr: str, words: tuple[str, str], *, step: str = "15s"
) -> Json:
    title, text = words
    return {
        "name": name,
        "enable": True,
        "iconColor": colour,
        "datasource": DATASOURCE,
        "expr": expr,
        "titleFormat": title,
        "textFormat": text,
        "step": step,
    }
