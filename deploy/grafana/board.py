"""Puts panels of rows onto a board: positions, ids, variables, annotations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deploy.grafana.panels import DATASOURCE, Json, Panel

WIDTH = 24
SCHEMA = 41  # Grafana 11.6; newer ones migrate it forward


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: Sequence[Panel]
    collapsed: bool = False


def board(*, uid: str, title: str, says: str, rows: Sequence[Row]) -> Json:
    return {
        "uid": uid,
        "title": title,
        "description": says,
        "tags": ["activation-worker"],
        "schemaVersion": SCHEMA,
        "version": 1,
        # Boards are code: what is changed in the browser is gone with the next deploy.
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "utc",
        "templating": {"list": _variables()},
        "annotations": {"list": [_restarts()]},
        "links": [],
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
        _values(
            "provider", "Provider", 'label_values(activation_worker_live{job=~"$job"}, provider)'
        ),
        {
            "name": "runbooks",
            "type": "constant",
            "label": "Where the runbooks are",
            "query": "http://127.0.0.1:9090/user",
            "hide": 2,
        },
    ]


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


def _restarts() -> Json:
    return {
        "name": "Worker starts",
        "enable": True,
        "iconColor": "blue",
        "datasource": DATASOURCE,
        "expr": 'process_start_time_seconds{job=~"$job", instance=~"$instance"} * 1000',
        "useValueForTime": True,
        "titleFormat": "Worker started",
        "textFormat": "{{instance}}",
        "step": "60s",
    }
