"""The calls that claims and withdrawals have in common: opened, shown, and moved on by steps."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.cases import OPENED, REFUSALS, SHOWN
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import IdempotentCalls
from worker.entrypoints.http.problems import (
    ProblemKind,
)
from worker.entrypoints.http.routing import Handler, Route

#: `operate`: what the customer says or wishes. `decide`: what staff find, decide or pay.
_STEPS: Final[Mapping[str, Scope]] = {
    "evidence": Scope.OPERATE,
    "choice": Scope.OPERATE,
    "contest": Scope.OPERATE,
    "cancel": Scope.OPERATE,
    "payment-info": Scope.OPERATE | Scope.DECIDE,
    "verdict": Scope.DECIDE,
    "access": Scope.DECIDE,
    "rectified": Scope.DECIDE,
    "replacement": Scope.DECIDE,
    "alternative": Scope.DECIDE,
    "kyc": Scope.DECIDE,
    "paid": Scope.DECIDE,
}


def _asks_or_answers(body: Any) -> Scope:  # noqa: ANN401 - any body with an event
    """Payment details: staff ask for them, the customer gives them."""
    return Scope.DECIDE if body.event == "requested" else Scope.OPERATE


def _chooses_or_values(body: Any) -> Scope:  # noqa: ANN401 - any body with a value
    """The customer chooses; what a replacement is worth is for staff to find."""
    return Scope.OPERATE if body.replacement_value_minor is None else Scope.DECIDE


_SCOPES_OF_BODY: Final = {"payment-info": _asks_or_answers, "choice": _chooses_or_values}


#: Names of the calls that do more than tell what happened.
_STEP_NAMES: Final = {"evidence": "add_{case}_evidence", "verdict": "decide_{case}"}


def case_routes(
    deps: ApiDeps,
    noun: str,
    *,
    opens: Handler,
    unknown: Sequence[ProblemKind],
    shows: Handler,
    steps: Mapping[str, Handler],
) -> Sequence[Route]:
    """The calls about one kind of case: it is opened, shown, and changed by *steps*.

    *unknown* are the problems of one that cannot be opened, besides those of every case.
    """
    # Staff open a claim for a customer; whose money leaves asks for it himself.
    opening = Scope.OPERATE | Scope.DECIDE if noun == "claims" else Scope.OPERATE
    path, case, idempotent = f"/v1/{noun}", noun.removesuffix("s"), IdempotentCalls(deps)
    return (
        Route(
            name=f"open_{case}",
            method="POST",
            path=path,
            handler=opens,
            scope=opening,
            run_once=idempotent,
            answers=OPENED,
            problems=(
                *unknown,
                ProblemKind.DECIDED,
                ProblemKind.OTHER_CONTENT,
                ProblemKind.FACT_NOT_YOURS,
                ProblemKind.NOT_OFFERED,
            ),
        ),
        Route(
            name=f"get_{case}",
            method="GET",
            path=f"{path}/{{id}}",
            handler=shows,
            scope=Scope.READ,
            answers=SHOWN,
            problems=(ProblemKind.NOT_FOUND, ProblemKind.NOT_OFFERED),
        ),
        *(
            Route(
                name=_STEP_NAMES.get(step, "tell_{case}_{step}").format(
                    case=case, step=step.replace("-", "_")
                ),
                method="POST",
                path=f"{path}/{{id}}/{step}",
                handler=handler,
                scope=_STEPS[step],
                scope_of_body=_SCOPES_OF_BODY.get(step),
                run_once=idempotent,
                answers=SHOWN,
                problems=REFUSALS,
            )
            for step, handler in steps.items()
        ),
    )
