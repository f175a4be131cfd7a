"""What else belongs to a number, shown with it where the caller asks: events, money, cases."""

from typing import Annotated, Any, Final

from pydantic import StringConstraints

from worker.entrypoints.http.accounts import EntryShown
from worker.entrypoints.http.cases import case_json
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.events import event_json
from worker.ports.store.activations import Activation

PARTS: Final = ("events", "entries", "cases")
_PART: Final = f"({'|'.join(PARTS)})"
#: Some of the parts, with commas between.
Expand = Annotated[str, StringConstraints(pattern=rf"^{_PART}(,{_PART}){{0,2}}$")]


class Expanding:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def __call__(self, activation: Activation, expand: str | None) -> dict[str, Any]:
        """The members that are asked for."""
        wanted = () if expand is None else expand.split(",")
        return {part: await self._part(activation, part) for part in PARTS if part in wanted}

    async def _part(self, activation: Activation, part: str) -> list[dict[str, Any]]:
        id_ = activation.id
        if part == "events":
            return [event_json(row) for row in await self._deps.outbox.events_about(id_)]
        if part == "entries":
            return [EntryShown.of(row) for row in await self._deps.books.entries_about(id_)]
        cases = await self._deps.case_service.cases.cases_about(id_)
        return [case_json(case) for case in cases]
