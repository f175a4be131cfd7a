"""Long rentals: one is booked and paid, its outages begin and end."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ValidationInfo, field_validator

from worker.domain.activation import CancelAnswer
from worker.domain.ids import AccountId, ProviderName, ProviderRef
from worker.domain.transfer import Charge
from worker.entrypoints.http import cases, requests
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import IdempotentCalls
from worker.entrypoints.http.pagination import after_rented, page, rented_in
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.http.responses import Moment, ResponseBody
from worker.entrypoints.http.routing import Answer, Route
from worker.lifecycle.cases.outage_ends import is_down
from worker.lifecycle.cases.rental_cancels import CancelRefused
from worker.ports.store.case_view import CLOSED, Case, CaseKind, CaseState
from worker.ports.store.cases import CaseOpenOutcome
from worker.ports.store.rentals import Rental, RentalMessage, RentalSearch, rental_id

RentalState = Literal["running", "ended"]


class RentalBooked(requests.RequestBody):
    """A number rented for days; `hold` is paid from the balance at once."""

    account: requests.Name
    phone: requests.Phone
    service: requests.Word
    country: requests.Word
    price_minor: requests.Price
    rented_at: requests.Instant
    ends_at: requests.Instant
    policy: requests.Name | None = None
    charge: Literal["hold", "external"] = "hold"
    order_ref: requests.Reference | None = None
    order_facts: requests.OrderFactsTold | None = None

    _paid_where_charged = field_validator("order_facts")(requests.paid_where_it_was_charged)

    @field_validator("ends_at")
    @classmethod
    def _ends_after_it_began(cls, ends_at: datetime, read: ValidationInfo) -> datetime:
        rented_at = read.data.get("rented_at")
        if rented_at is not None and ends_at <= rented_at:
            raise ValueError("not after rented_at")
        return ends_at


class Outage(cases.Statement):
    """It does not work: counted from when the customer said so, never from before."""

    contacted_at: requests.Instant | None = None
    unavailable_since: requests.Instant | None = None


class Restored(requests.RequestBody):
    at: requests.Instant | None = None


class RentalCancel(requests.RequestBody):
    """`due_to_problem`: it is given back because it did not work, as the customer says."""

    due_to_problem: bool = False


class MessageShown(ResponseBody):
    code: str
    text: str | None
    received_at: Moment | None
    seen_at: Moment


class RentalShown(ResponseBody):
    id: str
    provider: str
    provider_ref: str
    account: str
    phone: str
    service: str
    country: str
    price_minor: int
    currency: requests.Currency
    charge: Literal["hold", "external"]
    policy: str
    policy_version: str
    order_ref: str | None
    order_facts: dict[str, Any] | None
    rented_at: Moment
    ends_at: Moment
    ended_at: Moment | None
    renewed_at: Moment | None
    renewal_price_minor: int | None
    messages: list[MessageShown]
    outages: list[cases.CaseShown]
    cancels: list[cases.CaseShown]  #: Presses of Cancel that the policy took.
    claims: list[cases.CaseShown]


class RentalList(ResponseBody):
    items: list[RentalShown]
    next_cursor: str | None


class RentalHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def put(
        self, provider: requests.Name, provider_ref: requests.Name, body: RentalBooked
    ) -> Answer:
        """Book a rental and pay for it, or find it booked already."""
        service = self._deps.case_service
        policy = service.policy_version(body.policy)
        if policy is None:
            raise Problem(ProblemKind.UNKNOWN_POLICY)
        name, ref = ProviderName(provider), ProviderRef(provider_ref)
        rental = Rental(
            id=rental_id(name, ref, body.rented_at),
            provider=name,
            ref=ref,
            account=AccountId(body.account),
            phone=body.phone,
            service=body.service,
            country=body.country,
            price_minor=body.price_minor,
            currency="",
            charge=Charge(body.charge),
            policy=policy[0],
            policy_version=policy[1],
            rented_at=body.rented_at.astimezone(UTC),
            ends_at=body.ends_at.astimezone(UTC),
            order_ref=body.order_ref,
            order_facts=requests.stored_facts(body.order_facts),
        )
        booking = await service.cases.book_rental(rental, policy_told=body.policy is not None)
        problem = _PROBLEMS.get(booking.how)
        if problem is not None:
            raise Problem(problem)
        assert booking.rental is not None
        status = 201 if booking.how is CaseOpenOutcome.NEW else 200
        return Answer(status, await self._shown(booking.rental))

    async def show(self, provider: requests.Name, provider_ref: requests.Name) -> Answer:
        """Show the newest rental under this reference, with the messages it got."""
        cases_of = self._deps.case_service.cases
        rental = await cases_of.rental(ProviderName(provider), ProviderRef(provider_ref))
        if rental is None:
            raise Problem(ProblemKind.NOT_FOUND)
        return Answer(200, await self._shown(rental))

    async def listed(  # noqa: PLR0913 - each is a filter of the query
        self,
        *,
        id: requests.UuidText | None = None,
        account: requests.Name | None = None,
        state: RentalState | None = None,
        phone: requests.PhoneDigits | None = None,
        provider_ref: requests.Name | None = None,
        order_ref: requests.Reference | None = None,
        cursor: requests.Cursor | None = None,
        limit: requests.Limit = 50,
    ) -> Answer:
        """List rentals, newest first, without their messages.

        `id` is how claims and cases name a rental: a provider may use a reference again.
        `phone` is a whole one, or its last 4 to 12 digits.
        """
        unknown = ProblemKind.NOT_FOUND
        search = RentalSearch(
            id=None if id is None else requests.uuid_or_problem(id, unknown),
            account=None if account is None else AccountId(account),
            ended=None if state is None else state == "ended",
            phone=phone,
            ref=None if provider_ref is None else ProviderRef(provider_ref),
            order_ref=order_ref,
            before=rented_in("rentals", cursor),
        )
        rows = await self._deps.case_service.cases.list_rentals(search, limit + 1)
        return Answer(200, page(rows, limit, _listed_json, _cursor_after))

    async def _shown(self, rental: Rental) -> dict[str, Any]:
        if self._deps.rent_long is None:
            return rental_json(rental, [])
        view = await self._deps.rent_long.view(rental)
        return rental_json(view.rental, view.messages)

    async def outage(
        self, provider: requests.Name, provider_ref: requests.Name, body: Outage
    ) -> Answer:
        """Report that a rented number does not work."""
        facts = cases.instant_facts(
            contacted_at=body.contacted_at, unavailable_since=body.unavailable_since
        )
        service = self._deps.case_service
        with cases.fact_problems(
            contacted_at="/contacted_at", unavailable_since="/unavailable_since"
        ):
            service.not_in_future("contacted_at", body.contacted_at)
            await service.not_before_rental(
                "contacted_at", body.contacted_at, provider, provider_ref
            )
            service.not_in_future("unavailable_since", body.unavailable_since)
            await self._read_while_down(provider, provider_ref)
            opening = await service.open_outage(
                ProviderName(provider), ProviderRef(provider_ref), facts
            )
        if opening.how is CaseOpenOutcome.NEW:
            opening = replace(opening, case=await self._probed(provider, provider_ref))
        return cases.opened_or_problem(opening, ProblemKind.NOT_FOUND)

    async def _read_while_down(self, provider: str, ref: str) -> None:
        """An SMS that nobody has looked at yet may have ended the outage before this report."""
        cases_of = self._deps.case_service.cases
        rental = await cases_of.rental(ProviderName(provider), ProviderRef(ref))
        if rental is not None and self._deps.rent_long is not None and is_down(rental):
            await self._deps.rent_long.read(rental)

    async def _probed(self, provider: str, ref: str) -> Case | None:
        """The newest outage, with what the provider says of the number now."""
        service, rent_long = self._deps.case_service, self._deps.rent_long
        rental = await service.cases.rental(ProviderName(provider), ProviderRef(ref))
        if rental is None or not rental.outages:
            return None
        outage = rental.outages[-1]
        if rent_long is None or outage.state in CLOSED:
            return outage
        await rent_long.read(rental)  # An SMS that nobody has looked at yet is its end.
        said = await rent_long.availability(rental)
        if said is None:
            return await service.case(outage.id, CaseKind.OUTAGE)  # As the SMS have left it.
        return (await service.probed(outage.id, said)).case

    async def cancel(
        self, provider: requests.Name, provider_ref: requests.Name, body: RentalCancel
    ) -> Answer:
        """Give a rental back, give its renewal back, or end it early, as its policy says."""
        service = self._deps.case_service
        name, ref = ProviderName(provider), ProviderRef(provider_ref)
        rental = await service.cases.rental(name, ref)
        if rental is None:
            raise Problem(ProblemKind.NOT_FOUND)
        if rental.ended_at is not None:
            return Answer(200, await self._shown(rental))
        await self._shown(rental)  # SMS that came meanwhile count: its provider is read first.
        try:
            await service.cancel_rental(rental, {"due_to_problem": body.due_to_problem})
        except CancelRefused as refused:
            kind = CANCEL_PROBLEMS[refused.answer]
            raise Problem(kind, f"Its policy says: {refused.reason.value}") from None
        current = await service.cases.rental(name, ref)
        assert current is not None
        review = any(one.state is CaseState.IN_REVIEW for one in current.cancels)
        return Answer(202 if review else 200, await self._shown(current))

    async def restored(
        self, provider: requests.Name, provider_ref: requests.Name, body: Restored
    ) -> Answer:
        """Report that it works again: the days it did not are credited."""
        service = self._deps.case_service
        with cases.fact_problems(at="/at"):
            service.not_in_future("at", body.at)
        await self._probed(provider, provider_ref)
        change = await service.restored(ProviderName(provider), ProviderRef(provider_ref), body.at)
        return cases.changed_or_problem(change)


#: Why a rental goes on untouched.
CANCEL_PROBLEMS = {
    CancelAnswer.CODE_RECEIVED: ProblemKind.CODE_RECEIVED,
    CancelAnswer.NO_CANCEL: ProblemKind.NO_CANCEL,
    CancelAnswer.NOT_YET: ProblemKind.CANCEL_NOT_YET,
    CancelAnswer.OVER: ProblemKind.CANCEL_OVER,
    CancelAnswer.LIMIT: ProblemKind.CANCEL_LIMIT,
    CancelAnswer.RESTRICTIONS_IGNORED: ProblemKind.RESTRICTIONS_IGNORED,
}
_PROBLEMS = {
    CaseOpenOutcome.UNKNOWN_SUBJECT: ProblemKind.UNKNOWN_ACCOUNT,
    CaseOpenOutcome.OTHER_CONTENT: ProblemKind.OTHER_CONTENT,
    CaseOpenOutcome.BALANCE_TOO_LOW: ProblemKind.BALANCE_TOO_LOW,
    CaseOpenOutcome.ACCOUNT_BLOCKED: ProblemKind.ACCOUNT_BLOCKED,
    CaseOpenOutcome.ACCOUNT_CLOSING: ProblemKind.ACCOUNT_CLOSING,
    CaseOpenOutcome.ACCOUNT_FROZEN: ProblemKind.ACCOUNT_FROZEN,
}  #: `OTHER_POLICY` is of cases about an account only, `DECIDED` of claims.


def rental_json(rental: Rental, messages: Sequence[RentalMessage]) -> dict[str, Any]:
    return RentalShown.of(
        rental,
        provider_ref=rental.ref,
        messages=[MessageShown.of(message) for message in messages],
        outages=[cases.case_json(outage) for outage in rental.outages],
        cancels=[cases.case_json(cancel) for cancel in rental.cancels],
        claims=[cases.case_json(claim) for claim in rental.claims],
    )


def _listed_json(rental: Rental) -> dict[str, Any]:
    return rental_json(rental, [])


def _cursor_after(rental: Rental) -> str:
    return after_rented("rentals", rental.rented_at, rental.id)


_BOOKED: Mapping[int, type[BaseModel] | None] = {201: RentalShown, 200: RentalShown}


def routes(deps: ApiDeps) -> Sequence[Route]:
    rentals = RentalHandlers(deps)
    path = "/v1/rentals/{provider}/{provider_ref}"
    return (
        Route(
            name="book_rental",
            method="PUT",
            path=path,
            handler=rentals.put,
            scope=Scope.OPERATE,
            answers=_BOOKED,
            problems=(ProblemKind.UNKNOWN_POLICY, ProblemKind.NOT_OFFERED, *_PROBLEMS.values()),
        ),
        Route(
            name="get_rental",
            method="GET",
            path=path,
            handler=rentals.show,
            scope=Scope.READ,
            answers={200: RentalShown},
            problems=(ProblemKind.NOT_FOUND, ProblemKind.NOT_OFFERED),
        ),
        _list_route(rentals),
        *_posts(rentals, IdempotentCalls(deps), path),
    )


def _posts(rentals: RentalHandlers, idempotent: IdempotentCalls, path: str) -> Sequence[Route]:
    return (
        Route(
            name="report_outage",
            method="POST",
            path=f"{path}/outages",
            handler=rentals.outage,
            scope=Scope.OPERATE,
            run_once=idempotent,
            answers=cases.OPENED,
            problems=(
                ProblemKind.NOT_FOUND,
                ProblemKind.OTHER_CONTENT,
                ProblemKind.FACT_NOT_YOURS,
                ProblemKind.NOT_OFFERED,
            ),
        ),
        Route(
            name="cancel_rental",
            method="POST",
            path=f"{path}/cancel",
            handler=rentals.cancel,
            scope=Scope.OPERATE,
            run_once=idempotent,
            answers={200: RentalShown, 202: RentalShown},
            problems=(ProblemKind.NOT_FOUND, ProblemKind.NOT_OFFERED, *CANCEL_PROBLEMS.values()),
        ),
        Route(
            name="report_restored",
            method="POST",
            path=f"{path}/restored",
            handler=rentals.restored,
            scope=Scope.OPERATE,
            run_once=idempotent,
            answers=cases.SHOWN,
            problems=cases.REFUSALS,
        ),
    )


def _list_route(rentals: RentalHandlers) -> Route:
    return Route(
        name="list_rentals",
        method="GET",
        path="/v1/rentals",
        handler=rentals.listed,
        scope=Scope.READ,
        answers={200: RentalList},
        problems=(ProblemKind.NOT_OFFERED, ProblemKind.NOT_FOUND),
    )
