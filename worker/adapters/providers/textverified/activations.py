"""TextVerified, second version: JSON, a bearer token, links to follow, and US numbers only.

A purchase answers with a link; the number is behind it. Phones come without the code of their
country, which is put before them. The first SMS completes a verification and no call finishes one,
so a finish is a look. A refused change has no body: only the details show what happened.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

import orjson

from worker.adapters.providers import fields
from worker.adapters.providers.family import (
    ActivationReplies,
    FaultWords,
    OperationRoute,
    OperationTable,
    ProviderAccount,
    ProviderConfig,
    word_under,
)
from worker.adapters.providers.reply import RateLimited, Reply
from worker.adapters.providers.textverified import lists
from worker.adapters.providers.textverified.lists import LinkedRows, Verification
from worker.adapters.providers.textverified.one_change import TextVerifiedTransport
from worker.adapters.providers.transport import Probe, ProviderContext, Transport, escaped
from worker.adapters.providers.wire import Endpoint, MoreSent
from worker.domain.backoff import SAME_KEY
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports import provider as port
from worker.ports.errors import CircuitOpen, ProviderError, ProviderUnavailable, UnknownReply
from worker.ports.provider import HistoryPage
from worker.ports.reporter import Operation

JSON: Final = ("Content-Type", "application/json")
SMS: Final = "/sms?reservationType=verification"
ROUTES: Final[OperationTable] = {
    Operation.RENT: OperationRoute("/verifications", "POST", "maxPrice"),
    Operation.LOOK: OperationRoute("/verifications/{ref}"),
    Operation.LIST: OperationRoute("/verifications"),
    Operation.CANCEL: OperationRoute("/verifications/{ref}/cancel", "POST"),
    Operation.REPORT: OperationRoute("/verifications/{ref}/report", "POST"),
    Operation.BALANCE: OperationRoute("/account/me"),
}
#: How orders name the only country there are numbers of; 187 is how handler_api does.
COUNTRIES: Final = frozenset({"us", "usa", "1", "187", "any"})
REUSE: Final = "/verifications/{ref}/reuse"
NO_RENT: Final = {
    "Unavailable": port.NoRent.NO_NUMBERS,
    "TooManyUnfinishedVerifications": port.NoRent.NO_NUMBERS,
    "InsufficientBalance": port.NoRent.NO_BALANCE,
    "PricingFailure": port.NoRent.PRICE_ABOVE_MAX,
}
#: The first purchase with this key still runs, or it was not done: which of both is not told.
TRANSIENT: Final = frozenset({"IdempotencyConflict", "ProcessingError"})
REFUSED_CHANGE: Final = frozenset({400, 404, 409})


class TextVerifiedReplies(ActivationReplies):
    """Reads the replies of TextVerified. Raises `ProviderError` only."""

    fault_words = FaultWords(transient=TRANSIENT)
    no_rent = NO_RENT

    def look(self, reply: Reply) -> port.Observation:
        """`CodesArrived` without an SMS where it is completed: the SMS are elsewhere."""
        if reply.status == 404 and not reply.body.strip():
            return port.NotKnown()
        state = word_under(self._details(reply), "state").lower()
        if state == lists.PENDING:
            return port.Waiting()
        if state == lists.COMPLETED:
            return port.CodesArrived(())
        if state in lists.FOLLOWED:
            return port.Ended(PriceFate.KEPT)
        if state in lists.GIVEN_BACK:
            return port.Ended(PriceFate.GIVEN_BACK)
        if state == lists.REPORTED:
            return port.Ended()
        raise reply.unreadable(self.provider)

    def codes(self, reply: Reply) -> port.CodesArrived:
        """The SMS of one completed verification, oldest first."""
        sms = self.any_codes(reply)
        if not sms:
            # It is charged for, but what for cannot be read yet.
            raise UnknownReply(self.provider, "completed without an SMS")
        return port.CodesArrived(sms)

    def any_codes(self, reply: Reply) -> tuple[port.Sms, ...]:
        ordered = sorted(self.linked_sms(reply).rows, key=lambda row: row.at)
        return tuple(row.sms for row in ordered if row.sms.code)

    def cancel(self, reply: Reply) -> port.CancelReply:
        if reply.is_success and reply.body.strip() in {b"", b"{}"}:
            return port.Ended(PriceFate.GIVEN_BACK)
        if reply.status in REFUSED_CHANGE and not reply.body.startswith(b"<"):
            return port.Refused(port.Refusal.UNCLEAR)
        raise self._fault(reply)

    def report(self, reply: Reply) -> port.CancelReply:
        """Taken, but that the price comes back with it is documented nowhere."""
        match self.cancel(reply):
            case port.Ended():
                return port.Ended()
            case refused:
                return refused

    def bought(self, reply: Reply) -> ProviderRef | port.NoRent:
        """The id at the end of the link behind which the number is."""
        body = reply.json()
        href = body.get("href") if isinstance(body, dict) else None
        if reply.is_success and isinstance(href, str):
            ref = fields.ref_of(href.rstrip("/").rpartition("/")[2])
            if ref is None:
                raise reply.unreadable(self.provider)
            return ProviderRef(ref)
        return self._not_rented(reply)

    def bought_again(self, reply: Reply) -> ProviderRef | port.NoRent:
        """As `bought`; why it refuses has no documented body, as with every change."""
        if self._is_not_done(reply):
            return self.no_rent.get(self._word(reply), port.NoRent.NO_NUMBERS)
        return self.bought(reply)

    def rent(self, reply: Reply) -> port.Rented | port.NoRent:
        """The details of what was bought."""
        body = self._details(reply)
        rented = self._rented(reply, body.get("id"), lists.phone_of(body.get("number")))
        cost, currency = fields.cost_in(body.get("totalCost"), self.currency)
        return port.Rented(
            rented.ref,
            rented.phone,
            cost_minor=cost,
            currency=currency,
            expires_at=fields.instant_of(body.get("endsAt")),
        )

    def balance(self, reply: Reply) -> port.Balance:
        body = reply.exact_json()
        found = body.get("currentBalance") if isinstance(body, dict) else None
        return self._balance(reply, found)

    def page(self, reply: Reply) -> port.ActivePage:
        """One page of the list as it is, without the SMS."""
        return port.ActivePage(lists.live_rows(self.linked(reply).rows, ()), last=True)

    def history(self, reply: Reply) -> HistoryPage:
        return HistoryPage([lists.past(row) for row in self.linked(reply).rows], None)

    def linked(self, reply: Reply) -> LinkedRows:
        page = lists.linked_page(reply, lambda row: lists.verification(row, self.currency))
        if page is None:
            raise self._fault(reply)
        return page

    def linked_sms(self, reply: Reply) -> LinkedRows:
        page = lists.linked_page(reply, lists.received)
        if page is None:
            raise self._fault(reply)
        return page

    def _details(self, reply: Reply) -> dict[str, Any]:
        body = reply.exact_json() if reply.is_success else None
        if not isinstance(body, dict) or not isinstance(body.get("state"), str):
            raise self._fault(reply)
        return body

    def _is_not_done(self, reply: Reply) -> bool:
        """Whether what was to be paid for is certainly refused: some words leave that open."""
        refused = reply.status in REFUSED_CHANGE and not reply.body.startswith(b"<")
        return refused and self._word(reply) not in TRANSIENT

    def _word(self, reply: Reply) -> str:
        body = reply.json() if reply.is_answer else None
        return word_under(body, "errorCode") if isinstance(body, dict) else ""


class TextVerifiedAccount(ProviderAccount):
    """One account at TextVerified."""

    def __init__(self, config: ProviderConfig, context: ProviderContext) -> None:
        if not config.api_username:
            raise ValueError(f"{config.name}: api_username is empty")
        self._replies = TextVerifiedReplies(config)
        endpoint = Endpoint(base_url=config.base_url.rstrip("/") + lists.PATH)
        super().__init__(config, context, endpoint, ROUTES, self._replies)

    def _transport(
        self, config: ProviderConfig, context: ProviderContext, endpoint: Endpoint, probe: Probe
    ) -> Transport:
        keys = (("X-API-KEY", config.api_key), ("X-API-USERNAME", config.api_username))
        return TextVerifiedTransport(
            config.name,
            endpoint,
            context,
            max_in_flight=config.max_in_flight,
            probe=probe,
            keys=keys,
        )

    async def rent(self, request: port.RentRequest) -> port.Rented | port.NoRent:
        self._known(request.options)
        if not has_numbers_of(request.country):
            return port.NoRent.BAD_REQUEST
        reused = request.options.reused
        if reused is None:
            bought = await self._bought(request)
        elif request.max_cost_minor is not None:
            return port.NoRent.PRICE_ABOVE_MAX  # This call takes no limit.
        else:
            target = REUSE.format(ref=escaped(reused.ref))
            bought = await self._http.call(
                Operation.RENT, target, self._replies.bought_again, method="POST"
            )
        if isinstance(bought, port.NoRent):
            return bought
        await self._http.pay_more()
        rented = await self._details_of(bought)
        if rented is None:
            # It was sold, and its phone is not known: the list shows it later.
            raise ProviderUnavailable(self.name, "bought, but not read")
        return rented

    async def _bought(self, request: port.RentRequest) -> ProviderRef | port.NoRent:
        """Sent once; where the answer is lost, again with the same key, by which it buys once."""
        try:
            return await self._ask_for(request)
        except ProviderUnavailable as lost:
            if request.order is None or not lost.sent:
                raise
            bought = await self._asked_again(request)
            if bought is None:
                raise
            return bought

    async def _asked_again(self, request: port.RentRequest) -> ProviderRef | None:
        """What was bought. A refusal says nothing: the first request may be carried out after it.

        What would not be sent now counts as one: the first request was.
        """
        await self._http.pay_more()
        try:
            bought = await self._http.retry(
                SAME_KEY,
                lambda: self._ask_for(request),
                on=ProviderUnavailable,
                unless=(CircuitOpen, RateLimited),
            )
        except ProviderError:
            return None
        return None if isinstance(bought, port.NoRent) else bought

    def _ask_for(self, request: port.RentRequest) -> Awaitable[ProviderRef | port.NoRent]:
        return self._http.call(
            Operation.RENT,
            ROUTES[Operation.RENT].target,
            self._replies.bought,
            method="POST",
            more=self._order(request),
        )

    def _order(self, request: port.RentRequest) -> MoreSent:
        body: dict[str, Any] = {"serviceName": request.service, "capability": "sms"}
        if request.options.area_code is not None:
            body["areaCodeSelectOption"] = [request.options.area_code]
        if request.options.operator is not None:
            body["carrierSelectOption"] = [request.options.operator]
        if request.max_cost_minor is not None:
            price = fields.major(request.max_cost_minor, self._currency)
            body["maxPrice"] = orjson.Fragment(price)
        # With the same key the same purchase is answered, and not made again.
        key = (("Idempotency-Key", request.order),) if request.order else ()
        return MoreSent((JSON, *key), orjson.dumps(body))

    async def _details_of(self, ref: ProviderRef) -> port.Rented | port.NoRent | None:
        target = ROUTES[Operation.LOOK].target.format(ref=escaped(ref))
        try:
            return await self._http.call_patiently(Operation.LOOK, target, self._replies.rent)
        except ProviderError:
            return None

    async def look(self, ref: ProviderRef) -> port.Observation:
        seen = await super().look(ref)
        if seen != port.CodesArrived(()):
            return seen
        await self._http.pay_more()
        return await self._http.call(Operation.LOOK, _sms_of(ref), self._replies.codes)

    async def report(self, ref: ProviderRef) -> port.CancelReply:
        """Only of a number that waits. An SMS that came before is seen by no look after it."""
        match await self.look(ref):
            case port.Waiting():
                await self._http.pay_more()
                reply = await super().report(ref)
                if isinstance(reply, port.Refused):
                    return reply
            case port.Ended(PriceFate.UNKNOWN):
                reply = port.Ended()  # It was reported before, and nobody read the answer.
            case port.CodesArrived(sms=sms):
                return port.Refused(port.Refusal.CODE_ARRIVED, sms=sms)
            case _:
                return port.Refused(port.Refusal.UNCLEAR)
        await self._http.pay_more()
        codes = await self._http.call_patiently(
            Operation.LOOK, _sms_of(ref), self._replies.any_codes
        )
        return port.Refused(port.Refusal.CODE_ARRIVED, sms=codes) if codes else reply

    async def finish(self, ref: ProviderRef) -> port.Observation:
        """A look: the first SMS has completed the verification."""
        match await self.look(ref):
            case port.CodesArrived(sms=sms):
                return port.Ended(PriceFate.KEPT, sms)
            case seen:
                return seen

    async def list_active(self, page: int) -> port.ActivePage:
        """All that may be live, with their SMS; the pages of it are read one after the other."""
        if page > 0:
            return port.ActivePage((), last=True)
        rows = await self._pages(ROUTES[Operation.LIST].target, self._replies.linked, _is_past_life)
        newest = lists.newest_in(rows)
        if newest is not None:
            rows = [row for row in rows if row.created_at >= newest - lists.LIVE_FOR]
        completed = [row.created_at for row in rows if row.state == lists.COMPLETED]
        sms = []
        if completed:
            await self._http.pay_more()
            oldest = min(completed)
            sms = await self._pages(
                SMS, self._replies.linked_sms, lambda pages: lists.is_over(pages, oldest)
            )
        return port.ActivePage(lists.live_rows(rows, sms), last=True)

    async def list_whole(self, page: int) -> port.ActivePage:
        return await self.list_active(page)

    async def history(self, since: datetime, until: datetime, skip: int) -> HistoryPage:
        """All of a span at once: no page of the list can be asked for by its place."""
        assert skip == 0, "there is one page"
        rows: list[Verification] = await self._pages(
            ROUTES[Operation.LIST].target,
            self._replies.linked,
            lambda pages: lists.is_over(pages, since),
        )
        told = [lists.past(row) for row in rows if since <= row.created_at <= until]
        return HistoryPage(told, None)

    async def _pages(
        self,
        target: str,
        read: Callable[[Reply], LinkedRows],
        is_over: Callable[[list[LinkedRows]], bool],
    ) -> list[Any]:
        return await lists.every_row(
            target,
            lambda page: self._read_list(page, read),
            self._http.pay_more,
            self.name,
            is_over,
        )


def has_numbers_of(country: str) -> bool:
    """A purchase names no country: for any other one a number of the wrong one would be sold."""
    return country.casefold() in COUNTRIES


def _sms_of(ref: ProviderRef) -> str:
    return f"{SMS}&reservationId={escaped(ref)}"


def _is_past_life(pages: list[LinkedRows]) -> bool:
    newest = lists.newest_in(pages[0].rows)
    return newest is not None and lists.is_over(pages, newest - lists.LIVE_FOR)
