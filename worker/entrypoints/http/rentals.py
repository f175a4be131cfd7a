"""Long rentals: booked and paid, their outages reported, and the end of those."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from worker.domain.ids import AccountId, ProviderName, ProviderRef
from worker.domain.transfer import Charge
from worker.entrypoints.http import render
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.case_answers import OPENED, SHOWN, CaseShown, case_json, maybe
from worker.entrypoints.http.case_calls import (
    REFUSALS,
    FactTable,
    Faults,
    allowed,
    changed_or_problem,
    opened_or_problem,
    when,
)
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import Once
from worker.entrypoints.http.problems import Kind, Problem
from worker.entrypoints.http.requests import Body, Currency, Instant, Name, Phone, Price, Word
from worker.entrypoints.http.responses import Moment, Shown
from worker.entrypoints.http.routing import Answer, Route
from worker.ports.store.cases import CaseOpenOutcome, Rental, rental_id

FACTS = frozenset({"client_caused", "outage_verified"})


class RentalBooked(Body):
    """A number rented for days; `hold` is paid from the balance at once."""

    account: Name
    phone: Phone
    service: Word
    country: Word
    price_minor: Price
    rented_at: Instant
    ends_at: Instant
    policy: Name | None = None
    charge: Literal["hold", "external"] = "hold"

    @field_validator("ends_at")
    @classmethod
    def _ends_after_it_began(cls, ends_at: datetime, read: ValidationInfo) -> datetime:
        rented_at = read.data.get("rented_at")
        if rented_at is not None and ends_at <= rented_at:
            raise ValueError("not after rented_at")
        return ends_at


class Outage(Body):
    """It does not work: counted from when the customer said so, never from before."""

    contacted_at: Instant | None = None
    unavailable_since: Instant | None = None
    facts: FactTable = Field(default_factory=dict)


class Restored(Body):
    at: Instant | None = None


class RentalShown(Shown):
    id: str
    provider: str
    provider_ref: str
    account: str
    phone: str
    service: str
    country: str
    price_minor: int
    currency: Currency
    charge: Literal["hold", "external"]
    policy: str
    policy_version: str
    rented_at: Moment
    ends_at: Moment
    ended_at: Moment | None
    outages: list[CaseShown]
    claims: list[CaseShown]


class Rentals:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def put(self, provider: Name, provider_ref: Name, body: RentalBooked) -> Answer:
        """Book a rental and pay for it, or find it booked already."""
        cases = self._deps.cases
        policy = cases.policy_version(body.policy)
        if policy is None:
            raise Problem(Kind.UNKNOWN_POLICY)
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
        )
        booked = await cases.book_rental(rental)
        failure = _FAILURES.get(booked.how)
        if failure is not None:
            raise Problem(failure)
        assert booked.rental is not None
        return Answer(201 if booked.how is CaseOpenOutcome.NEW else 200, _rental(booked.rental))

    async def outage(self, provider: Name, provider_ref: Name, body: Outage) -> Answer:
        """Report that a rented number does not work."""
        facts = {
            **allowed(body.facts, FACTS),
            **when("contacted_at", body.contacted_at),
            **when("unavailable_since", body.unavailable_since),
        }
        cases = self._deps.cases
        with Faults(
            facts="/facts", contacted_at="/contacted_at", unavailable_since="/unavailable_since"
        ):
            cases.not_in_future("contacted_at", body.contacted_at)
            cases.not_in_future("unavailable_since", body.unavailable_since)
            opened = await cases.open_outage(
                ProviderName(provider), ProviderRef(provider_ref), facts
            )
        return opened_or_problem(opened, Kind.NOT_FOUND)

    async def restored(self, provider: Name, provider_ref: Name, body: Restored) -> Answer:
        """Report that it works again: the days it did not are credited."""
        cases = self._deps.cases
        with Faults(at="/at"):
            cases.not_in_future("at", body.at)
        done = await cases.restored(ProviderName(provider), ProviderRef(provider_ref), body.at)
        return changed_or_problem(done)


_FAILURES = {
    CaseOpenOutcome.UNKNOWN_SUBJECT: Kind.UNKNOWN_ACCOUNT,
    CaseOpenOutcome.OTHER_CONTENT: Kind.OTHER_CONTENT,
    CaseOpenOutcome.BALANCE_TOO_LOW: Kind.BALANCE_TOO_LOW,
}


def _rental(rental: Rental) -> dict[str, Any]:
    return {
        "id": str(rental.id),
        "provider": rental.provider,
        "provider_ref": rental.ref,
        "account": rental.account,
        "phone": rental.phone,
        "service": rental.service,
        "country": rental.country,
        "price_minor": rental.price_minor,
        "currency": rental.currency,
        "charge": rental.charge.value,
        "policy": rental.policy,
        "policy_version": rental.policy_version,
        "rented_at": render.instant(rental.rented_at),
        "ends_at": render.instant(rental.ends_at),
        "ended_at": maybe(rental.ended_at),
        "outages": [case_json(one) for one in rental.outages],
        "claims": [case_json(one) for one in rental.claims],
    }


_BOOKED: Mapping[int, type[BaseModel] | None] = {201: RentalShown, 200: RentalShown}


def routes(deps: ApiDeps) -> Sequence[Route]:
    once = Once(deps)
    rentals = Rentals(deps)
    one = "/v1/rentals/{provider}/{provider_ref}"
    return (
        Route(
            method="PUT",
            path=one,
            handler=rentals.put,
            scope=Scope.OPERATE,
            answers=_BOOKED,
            problems=(Kind.UNKNOWN_POLICY, Kind.NOT_OFFERED, *_FAILURES.values()),
        ),
        Route(
            method="POST",
            path=f"{one}/outages",
            handler=rentals.outage,
            scope=Scope.OPERATE,
            once=once,
            answers=OPENED,
            problems=(Kind.NOT_FOUND, Kind.OTHER_CONTENT, Kind.NOT_OFFERED),
        ),
        Route(
            method="POST",
            path=f"{one}/restored",
            handler=rentals.restored,
            scope=Scope.OPERATE,
            once=once,
            answers=SHOWN,
            problems=REFUSALS,
        ),
    )
