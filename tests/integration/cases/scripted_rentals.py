"""A provider of long rentals that answers as it is told to."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from tests.integration.store.shop import SIM
from worker.domain.ids import ProviderName, ProviderRef
from worker.ports.long_rental import (
    Availability,
    CloseReply,
    Messages,
    MessagesReply,
    ProlongReply,
    RentalRequest,
    RentalTerms,
    only,
)
from worker.ports.provider import Ended, NoRent, Rented, Sms

DAY = timedelta(days=1)


@dataclass
class ScriptedRentals:
    """The long rentals of a provider: it gives the answers of the test, then closes each rental."""

    name: ProviderName = SIM
    terms: RentalTerms = field(default_factory=lambda: RentalTerms(lengths=only(DAY)))
    answers: list[CloseReply | Exception] = field(default_factory=list)
    sales: list[Rented | NoRent | Exception] = field(default_factory=list)
    prolongs: list[ProlongReply | Exception] = field(default_factory=list)
    sms: tuple[Sms, ...] = ()
    complete: bool = True  #: Whether those are all it has.
    only_over: bool = False  #: Whether all it says of its messages is that the rental is over.
    availability: Availability | Exception = Availability.NOT_TOLD
    requests: list[tuple[str, str]] = field(default_factory=list)
    granted: int = 0  #: Requests that the rate budget has granted.
    budget_left: bool = True
    close_started: asyncio.Event = field(default_factory=asyncio.Event)
    answer_after: asyncio.Event | None = None  #: No answer to close before it is set.

    async def wait_for_budget(self) -> None:
        if not self.budget_left:
            raise TimeoutError
        self.granted += 1

    async def close(self, ref: ProviderRef) -> CloseReply:
        self.requests.append(("close", ref))
        assert len(self.requests) == self.granted, "every request waits for the budget"
        self.close_started.set()
        if self.answer_after is not None:
            await self.answer_after.wait()
        answer = self.answers.pop(0) if self.answers else Ended()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def messages(self, ref: ProviderRef) -> MessagesReply:
        self.requests.append(("messages", ref))
        assert len(self.requests) == self.granted, "every request waits for the budget"
        return Ended() if self.only_over else Messages(self.sms, self.complete)

    async def open(self, request: RentalRequest) -> Rented | NoRent:
        self.requests.append(("open", request.service))
        sale = self.sales.pop(0)
        if isinstance(sale, Exception):
            raise sale
        return sale

    async def prolong(self, ref: ProviderRef, by: timedelta) -> ProlongReply:
        self.requests.append(("prolong", f"{ref} {by}"))
        reply = self.prolongs.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def available(self, ref: ProviderRef) -> Availability:
        self.requests.append(("available", ref))
        assert len(self.requests) == self.granted, "every request waits for the budget"
        said = self.availability
        if isinstance(said, Exception):
            raise said
        return said
