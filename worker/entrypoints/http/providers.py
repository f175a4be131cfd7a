"""Providers as ops see them: balance, exposure, figures; stop renting there, and start again."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import StringConstraints

from worker.domain.ids import ProviderName
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import IdempotentCalls
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.http.requests import NOTE_PATTERN, Name, RequestBody
from worker.entrypoints.http.responses import Moment, ResponseBody, instant
from worker.entrypoints.http.routing import Answer, Handler, Route
from worker.lifecycle.provider_overview import ProviderOverview, ProviderView
from worker.ports.store.books import ProviderFigures
from worker.ports.store.purchases import StopKind

Note = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=NOTE_PATTERN)]


class ProviderNote(RequestBody):
    """Why; it is kept with the name of the token, and shown as `why` while it holds."""

    note: Note


class FiguresShown(ResponseBody):
    """Of the numbers rented in that time; ratios of those that ended, null where none did."""

    rented: int
    delivered: int
    refunded: int
    success_ratio: float | None
    code_seconds_median: float | None
    cancel_ratio: float | None


class ServiceShown(FiguresShown):
    service: str
    country: str


class ProviderShown(ResponseBody):
    name: str
    family: str
    dialect: str | None
    state: Literal["taking", "paused", "halted", "draining"]
    why: str | None
    by: str | None  #: Who paused or drained it, while that holds.
    circuit: Literal["closed", "open"]  #: Of the process that answers.
    balance_minor: int | None
    balance_at: Moment | None
    currency: str  #: Of the balance and of the exposure's limit.
    exposure_minor: int
    exposure_limit_minor: int
    live: int
    day: FiguresShown


class ProviderWhole(ProviderShown):
    """With its services by country, of seven days."""

    services: list[ServiceShown]


class ProviderList(ResponseBody):
    items: list[ProviderShown]
    next_cursor: None  #: All are on one page.


class ProviderHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    @property
    def _overview(self) -> ProviderOverview:
        if self._deps.providers is None:
            raise Problem(ProblemKind.NOT_OFFERED)
        return self._deps.providers

    async def listed(self) -> Answer:
        """List the providers that are configured, with their last 24 hours."""
        views = await self._overview.views()
        return Answer(200, {"items": [_provider_json(view) for view in views], "next_cursor": None})

    async def show(self, name: Name) -> Answer:
        """Show a provider, with its services by country of the last seven days."""
        return await self._whole(await self._overview.view(ProviderName(name)))

    async def pause(self, name: Name, body: ProviderNote) -> Answer:
        """Rent nothing more there for now."""
        return await self._stop(name, StopKind.PAUSE, body)

    async def drain(self, name: Name, body: ProviderNote) -> Answer:
        """Leave it: rent nothing more there; each of its numbers ends by its policy."""
        return await self._stop(name, StopKind.DRAIN, body)

    async def resume(self, name: Name, body: ProviderNote) -> Answer:
        """Rent there again."""
        said = self._deps.said(body.note)
        return await self._whole(await self._overview.resume(ProviderName(name), said))

    async def _stop(self, name: str, kind: StopKind, body: ProviderNote) -> Answer:
        said = self._deps.said(body.note)
        return await self._whole(await self._overview.stop(ProviderName(name), kind, said))

    async def _whole(self, view: ProviderView | None) -> Answer:
        if view is None:
            raise Problem(ProblemKind.UNKNOWN_PROVIDER)
        services = await self._overview.services(view.name)
        shown = [ServiceShown.of(figures) for figures in services]
        return Answer(200, {**_provider_json(view), "services": shown})


def _provider_json(view: ProviderView) -> dict[str, Any]:
    balance = view.standing.balance
    return ProviderShown.of(
        view,
        family=view.protocol.family,
        dialect=view.protocol.dialect,
        balance_minor=None if balance is None else balance.minor,
        balance_at=None if balance is None else instant(balance.at),
        currency=view.terms.currency,
        exposure_limit_minor=view.terms.exposure_limit_minor,
        live=view.standing.day.live,
        day=_figures_json(view.standing.day),
    )


def _figures_json(figures: ProviderFigures) -> dict[str, Any]:
    return FiguresShown.of(figures)


def routes(deps: ApiDeps) -> Sequence[Route]:
    providers = ProviderHandlers(deps)
    unknown = (ProblemKind.UNKNOWN_PROVIDER, ProblemKind.NOT_OFFERED)
    run_once = IdempotentCalls(deps)  # A pause that comes late again must undo no resume.
    acts: Mapping[str, Handler] = {
        "pause": providers.pause,
        "resume": providers.resume,
        "drain": providers.drain,
    }
    return (
        Route(
            name="list_providers",
            method="GET",
            path="/v1/providers",
            handler=providers.listed,
            scope=Scope.READ,
            answers={200: ProviderList},
            problems=(ProblemKind.NOT_OFFERED,),
        ),
        Route(
            name="get_provider",
            method="GET",
            path="/v1/providers/{name}",
            handler=providers.show,
            scope=Scope.READ,
            answers={200: ProviderWhole},
            problems=unknown,
        ),
        *(
            Route(
                name=f"{act}_provider",
                method="POST",
                path=f"/v1/providers/{{name}}/{act}",
                handler=handler,
                scope=Scope.DECIDE,
                run_once=run_once,
                answers={200: ProviderWhole},
                problems=unknown,
            )
            for act, handler in acts.items()
        ),
    )
