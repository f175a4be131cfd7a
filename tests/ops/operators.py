"""The fields of the operators' own kinds that the chart uses: those that their CRDs name alone.

No package has these schemas. Each here is the part that the chart needs, closed: a misspelt field
would be dropped by Kubernetes without a word.
"""

from collections.abc import Mapping
from typing import Any, Final


def closed(required: str = "", **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def each(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": items}


TEXT: Final = {"type": "string", "minLength": 1}
COUNT: Final = {"type": "integer", "minimum": 0}
SPAN: Final = {"type": "string", "pattern": r"^(\d+(ms|[smhdwy]))+$"}
TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string"}}
RULE: Final = closed(
    "expr",
    alert=TEXT,
    record=TEXT,
    expr=TEXT,
    labels=TEXTS,
    annotations=TEXTS,
    keep_firing_for=SPAN,
    **{"for": SPAN},
)
RELABELINGS: Final = each(closed("action regex", action={"const": "labeldrop"}, regex=TEXT))
SPECS: Final[Mapping[str, dict[str, Any]]] = {
    "ScaledObject": closed(
        "scaleTargetRef triggers",
        scaleTargetRef=closed("name", name=TEXT),
        minReplicaCount=COUNT,
        maxReplicaCount=COUNT,
        cooldownPeriod=COUNT,
        fallback=closed(
            "failureThreshold replicas",
            failureThreshold=COUNT,
            replicas=COUNT,
            behavior={"enum": ["static", "currentReplicas", "currentReplicasIfHigher"]},
        ),
        triggers=each(
            closed(
                "type metadata",
                type={"const": "prometheus"},
                metricType={"enum": ["AverageValue", "Value"]},
                metadata=closed(
                    "serverAddress query threshold",
                    serverAddress=TEXT,
                    query=TEXT,
                    threshold={"type": "string", "pattern": r"^[0-9.]+$"},
                    ignoreNullValues={"enum": ["true", "false"]},
                ),
            )
        ),
    ),
    "ServiceMonitor": closed(
        "selector endpoints",
        jobLabel=TEXT,
        selector=closed("matchLabels", matchLabels=TEXTS),
        endpoints=each(
            closed(
                "port",
                port=TEXT,
                path=TEXT,
                interval=SPAN,
                relabelings=RELABELINGS,
                metricRelabelings=RELABELINGS,
            )
        ),
    ),
    "PrometheusRule": closed(
        "groups",
        groups=each(closed("name rules", name=TEXT, interval=SPAN, rules=each(RULE))),
    ),
}
