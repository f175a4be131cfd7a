"""What is asked of one activation: its end, another SMS; and that staff looked at its codes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from worker.domain.activation import FINAL, State
from worker.domain.ids import ActivationId
from worker.entrypoints.http.activations import (
    ActivationShown,
    activation_json,
    found_or_problem,
)
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import IdempotentCalls
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.http.requests import NoteText, RequestBody, UuidText, activation_id_in
from worker.entrypoints.http.routing import Answer, Handler, Route
from worker.lifecycle.batcher import Batcher
from worker.ports.service import ActionOutcome, ActionResult
from worker.ports.store.said import StaffAct


class BadNumberReported(RequestBody):
    """What is wrong with the number; it stands in its timeline and is not sent to the provider."""

    reason: NoteText


class ActionHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps
        self._service = deps.service
        # Who presses for thousands makes one transaction of those that come together.
        self._acts = Batcher(
            together=self._tell_together, alone=self._tell_alone, sleep=asyncio.sleep
        )

    async def cancel(self, id: UuidText) -> Answer:
        """Press the Cancel button."""
        return await self._act(id, "cancel", self._service.cancel)

    async def finish(self, id: UuidText) -> Answer:
        """Close an activation after its code."""
        return await self._act(id, "finish", self._service.finish)

    async def resend(self, id: UuidText) -> Answer:
        """Ask for another SMS."""
        return await self._act(id, "resend", self._service.resend)

    async def report(self, id: UuidText, body: BadNumberReported) -> Answer:
        """Tell the provider that the number is bad; what it takes gives the number back."""
        said = self._deps.said(body.reason)
        return await self._act(id, None, lambda id_: self._service.report(id_, said))

    async def shown(self, id: UuidText) -> Answer:
        """Record that somebody of the staff looked at its codes."""
        id_ = activation_id_in(id)
        codes = len(found_or_problem(await self._service.read(id_)).codes)
        said = self._deps.said(f"{codes} code{'' if codes == 1 else 's'}")
        await self._deps.activations.tell(id_, "shown_to_staff", said)
        return Answer(200, activation_json(found_or_problem(await self._service.read(id_))))

    async def _act(
        self, id: str, name: str | None, action: Callable[[ActivationId], Awaitable[ActionResult]]
    ) -> Answer:
        id_ = activation_id_in(id)
        result = await action(id_)
        problem = _PROBLEMS.get(result.how)
        if problem is not None:
            raise Problem(problem)
        by_staff = self._deps.by_staff and name is not None
        if by_staff or name in _LEAVES_NO_OTHER_LINE:
            what = f"{name}_by_staff" if by_staff else str(name)
            await self._acts(StaffAct(id_, what, self._deps.said()))
            result = replace(result, activation=None)
        activation = found_or_problem(result.activation or await self._service.read(id_))
        # It may have ended between the press and this reading.
        ended = name == "cancel" and activation.state in _ENDED
        status = 202 if result.how is ActionOutcome.PENDING and not ended else 200
        return Answer(status, activation_json(activation))

    async def _tell_together(self, acts: Sequence[StaffAct]) -> Mapping[StaffAct, bool]:
        return dict.fromkeys(await self._deps.activations.tell_acts(acts), True)

    async def _tell_alone(self, act: StaffAct) -> bool:
        return await self._deps.activations.tell(act.id, act.what, act.said)


_LEAVES_NO_OTHER_LINE: Final = {
    "resend"
}  #: Of the rest the change of state stands in the timeline.
_ENDED: Final = FINAL | {State.IN_REVIEW}  #: Nothing more is done about it without a human.
_PROBLEMS = {
    ActionOutcome.CODE_RECEIVED: ProblemKind.CODE_RECEIVED,
    ActionOutcome.NO_CANCEL: ProblemKind.NO_CANCEL,
    ActionOutcome.CANCEL_NOT_YET: ProblemKind.CANCEL_NOT_YET,
    ActionOutcome.CANCEL_OVER: ProblemKind.CANCEL_OVER,
    ActionOutcome.CANCEL_LIMIT: ProblemKind.CANCEL_LIMIT,
    ActionOutcome.RESTRICTIONS_IGNORED: ProblemKind.RESTRICTIONS_IGNORED,
    ActionOutcome.NO_CODE: ProblemKind.NO_CODE,
    ActionOutcome.ENDED: ProblemKind.ENDED,
    ActionOutcome.NOT_OFFERED: ProblemKind.NOT_OFFERED,
    ActionOutcome.REPORT_REFUSED: ProblemKind.REPORT_REFUSED,
    ActionOutcome.UNKNOWN: ProblemKind.UNKNOWN_ACTIVATION,
    ActionOutcome.PROVIDER_UNAVAILABLE: ProblemKind.PROVIDER_UNAVAILABLE,
}

_CANCEL_REFUSED = (
    ProblemKind.NO_CANCEL,
    ProblemKind.CANCEL_NOT_YET,
    ProblemKind.CANCEL_OVER,
    ProblemKind.CANCEL_LIMIT,
    ProblemKind.RESTRICTIONS_IGNORED,
)

assert set(ActionOutcome) == {ActionOutcome.DONE, ActionOutcome.PENDING} | set(_PROBLEMS)


#: Of those that answer at once, whatever the provider says.
_SCOPES: Final = {"report": Scope.OPERATE, "shown": Scope.DECIDE}
_ACTION_NAMES: Final = {"shown": "record_codes_shown"}


def routes(deps: ApiDeps) -> Iterator[Route]:
    actions = ActionHandlers(deps)
    ended = (ProblemKind.ENDED, ProblemKind.NOT_OFFERED)
    refusals = (ProblemKind.NO_CODE, *ended)
    handlers: Mapping[str, tuple[Handler, Sequence[ProblemKind]]] = {
        "cancel": (actions.cancel, (ProblemKind.CODE_RECEIVED, *_CANCEL_REFUSED, *ended)),
        "finish": (actions.finish, refusals),
        "resend": (actions.resend, (*refusals, ProblemKind.PROVIDER_UNAVAILABLE)),
        "report": (
            actions.report,
            (
                ProblemKind.CODE_RECEIVED,
                *ended,
                ProblemKind.REPORT_REFUSED,
                ProblemKind.PROVIDER_UNAVAILABLE,
            ),
        ),
        "shown": (actions.shown, ()),
    }
    for action, (handler, problems) in handlers.items():
        yield Route(
            name=_ACTION_NAMES.get(action, f"{action}_activation"),
            method="POST",
            path=f"/v1/activations/{{id}}/{action}",
            handler=handler,
            scope=_SCOPES.get(action, Scope.OPERATE | Scope.DECIDE),
            # The others find what they did: asked twice, a provider may send two more SMS.
            run_once=IdempotentCalls(deps) if action == "resend" else None,
            answers={200: ActivationShown}
            if action in _SCOPES
            else {200: ActivationShown, 202: ActivationShown},
            problems=(ProblemKind.UNKNOWN_ACTIVATION, *problems),
        )
