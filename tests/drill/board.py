"""What the first row of the Overview board shows: its queries, asked of a real Prometheus."""

import json
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.ops.queries import DEPLOY, plain

OVERVIEW: Final = DEPLOY / "grafana/dashboards/overview.json"
RATE_INTERVAL: Final = "10s"
NO_DATA: Final = "grey"
CALM: Final = frozenset({"green", "blue", "text", "transparent", "semi-dark-green"})

Ask = Callable[[str], Awaitable[Sequence[float]]]  #: The values of an instant query.


@dataclass(frozen=True, slots=True)
class Shown:
    """One panel, as somebody sees it."""

    title: str
    value: float | None
    colour: str

    @property
    def calm(self) -> bool:
        return self.colour in CALM

    def __str__(self) -> str:
        value = "-" if self.value is None else f"{self.value:.4g}"
        return f"{self.title} {value} ({self.colour})"


def first_row() -> Iterator[Mapping[str, Any]]:
    """The panels before the second row's title."""
    panels = iter(json.loads(OVERVIEW.read_text())["panels"])
    first = next(panels)
    if first["type"] != "row":
        yield first
    for panel in panels:
        if panel["type"] == "row":
            return
        if panel["type"] in {"stat", "gauge"}:
            yield panel


async def shown(ask: Ask) -> list[Shown]:
    found: list[Shown] = []
    for panel in first_row():
        values: list[float] = []
        for target in panel["targets"]:
            values += await ask(plain(target["expr"], rate_interval=RATE_INTERVAL))
        known = [value for value in values if not math.isnan(value)]
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        # Of several the worst one counts: that with the last step.
        value = max(known, key=lambda each: _step(steps, each), default=None)
        colour = NO_DATA if value is None else str(steps[_step(steps, value)]["color"])
        found.append(Shown(panel["title"], value, colour))
    return found


def _step(steps: Sequence[Mapping[str, Any]], value: float) -> int:
    reached = [
        place for place, step in enumerate(steps) if step["value"] is None or value >= step["value"]
    ]
    return reached[-1]
