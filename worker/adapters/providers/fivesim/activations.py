"""5sim: orders as JSON, errors as plain text, often with 200, and 302 for what it does not know."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from worker.adapters.providers.account import Account
from worker.adapters.providers.amounts import cost_minor, left_minor, major
from worker.adapters.providers.config import ProviderConfig
from worker.adapters.providers.fivesim.history import (
    GIVEN_BACK,
    LIVE,
    past_orders,
    with_facts,
    within,
)
from worker.adapters.providers.reply import (
    RateLimited,
    Reply,
    exact_json_of,
    instant_of,
    is_answer,
    is_success,
    json_of,
    phone_of,
    ref_of,
    several_sms,
    text_of,
    unreadable,
)
from worker.adapters.providers.transport import (
    LIST_CAP,
    Address,
    Operation,
    Surroundings,
    escaped,
)
from worker.domain.ids import ProviderRef
from worker.ports.errors import ProviderError, ProviderRefused, ProviderUnavailable
from worker.ports.history import HistoryPage
from worker.ports.provider import (
    ActivePage,
    ActiveRow,
    Balance,
    Cancelled,
    CancelReply,
    Capabilities,
    CodesArrived,
    Finished,
    NoRent,
    NotKnown,
    Observation,
    Refusal,
    Refused,
    Rented,
    RentRequest,
    Sms,
    Waiting,
)

T = TypeVar("T")

PAGE_SIZE = 100
LIVE_FOR = timedelta(hours=1)  #: No activation lives longer; the list is the whole history.

NOT_KNOWN: Final = frozenset({"order not found", "record not found", "order expired"})
REFUSED: Final = frozenset({"not enough rating", "Unauthorized - Invalid API Key"})
TRANSIENT: Final = frozenset({"server offline", "internal error"})
RATE_LIMITED: Final = frozenset(
    {
        "api limit is 100 requests per second",
        "ip address limit is 100 requests per second",
    }
)
REFUSALS: Final = {
    "you need to wait time": Refusal.EARLY,
    "order has sms": Refusal.CODE_ARRIVED,
    "order not found": Refusal.UNCLEAR,
    "record not found": Refusal.UNCLEAR,
    "order expired": Refusal.UNCLEAR,
    "order no sms": Refusal.UNCLEAR,
    "hosting order": Refusal.NOT_CANCELLABLE,
}
NO_RENT: Final = {
    "no free phones": NoRent.NO_NUMBERS,
    "not enough user balance": NoRent.NO_BALANCE,
    "bad country": NoRent.BAD_REQUEST,
    "bad operator": NoRent.BAD_REQUEST,
    "country is incorrect": NoRent.BAD_REQUEST,
    "product is incorrect": NoRent.BAD_REQUEST,
    "select country": NoRent.BAD_REQUEST,
    "select operator": NoRent.BAD_REQUEST,
    "no product": NoRent.BAD_REQUEST,
}


class FiveSimReplies:
    """Reads what 5sim says. Raises `ProviderError` only."""

    def __init__(self, provider: str, currency: str) -> None:
        self.provider = provider
        self.currency = currency

    def look(self, reply: Reply) -> Observation:
        order = self._order(reply)
        if order is not None:
            return self._seen(reply, order)
        if is_answer(reply) and text_of(reply) in NOT_KNOWN:
            return NotKnown()
        raise self._fault(reply)

    def _seen(self, reply: Reply, order: dict[str, Any]) -> Observation:
        sms, status = _sms_in(order.get("sms")), order.get("status")
        if not isinstance(status, str):
            raise unreadable(self.provider, reply)
        if status == "FINISHED":
            return Finished(sms)
        if status in LIVE | GIVEN_BACK and sms:
            return CodesArrived(sms)  # The SMS counts more than the label beside it.
        if status in LIVE:
            return Waiting()
        if status in GIVEN_BACK and not order.get("sms"):
            return Cancelled()  # Not where there is something that could not be read.
        raise unreadable(self.provider, reply)

    def cancel(self, reply: Reply) -> CancelReply:
        order = self._order(reply)
        if order is None:
            why = REFUSALS.get(text_of(reply)) if is_answer(reply) else None
            if why is None:
                raise self._fault(reply)
            return Refused(why)
        match self._seen(reply, order):
            case CodesArrived(sms=sms) | Finished(sms=sms) if sms:
                return Refused(Refusal.CODE_ARRIVED, sms=sms)
            case Cancelled():
                return Cancelled()
            case _:
                return Refused(Refusal.UNCLEAR)

    def finish(self, reply: Reply) -> Observation | None:
        """What became of it, or None where only the status tells."""
        order = self._order(reply)
        if order is not None:
            return self._seen(reply, order)
        if is_answer(reply) and text_of(reply) in REFUSALS:
            return None
        raise self._fault(reply)

    def rent(self, reply: Reply) -> Rented | NoRent:
        order = self._order(reply)
        if order is None:
            why = NO_RENT.get(text_of(reply)) if is_answer(reply) else None
            if why is None:
                raise self._fault(reply)
            return why
        ref, phone = ref_of(order.get("id")), phone_of(order.get("phone"))
        if ref is None or phone is None:
            raise unreadable(self.provider, reply)
        cost = cost_minor(order.get("price"), self.currency)
        return Rented(
            ref=ProviderRef(ref),
            phone=phone,
            cost_minor=cost,
            currency=None if cost is None else self.currency,
            expires_at=instant_of(order.get("expires")),
        )

    def balance(self, reply: Reply) -> Balance:
        body = exact_json_of(reply) if is_success(reply) else None
        left = left_minor(body.get("balance"), self.currency) if isinstance(body, dict) else None
        if left is None:
            raise self._fault(reply)
        return Balance(left, self.currency)

    def page(self, reply: Reply) -> ActivePage:
        """A page of the history, newest first, of which only the live orders are kept."""
        rows = self._orders(reply, json_of)
        read = [self._row(reply, row) for row in rows]
        live = [row for status, row in read if status in LIVE]
        return ActivePage(live, last=len(rows) < PAGE_SIZE or _reaches_far_back(rows))

    def history(self, reply: Reply) -> HistoryPage:
        """The same page with all that is over."""
        orders = self._orders(reply, exact_json_of)
        rows = past_orders(orders, self.currency)
        if rows is None:
            raise unreadable(self.provider, reply)
        return HistoryPage(rows, len(orders) or None)

    def whole_page(self, reply: Reply) -> ActivePage:
        """The live ones with all that a row tells: costs too much where only codes are sought."""
        return with_facts(self.page(reply), self.history(reply))

    def _orders(self, reply: Reply, body_of: Callable[[Reply], Any]) -> list[Any]:
        body = body_of(reply) if is_success(reply) else None
        rows = body.get("Data") if isinstance(body, dict) else None
        if not isinstance(rows, list):
            raise self._fault(reply)
        return rows

    def _row(self, reply: Reply, row: object) -> tuple[str, ActiveRow]:
        if not isinstance(row, dict):
            raise unreadable(self.provider, reply)
        ref, status, product = ref_of(row.get("id")), row.get("status"), row.get("product")
        if ref is None or not isinstance(status, str):
            raise unreadable(self.provider, reply)
        return status, ActiveRow(
            ProviderRef(ref),
            _sms_in(row.get("sms")),
            phone_of(row.get("phone")),
            product if isinstance(product, str) else None,
        )

    def _order(self, reply: Reply) -> dict[str, Any] | None:
        body = exact_json_of(reply) if is_success(reply) else None
        return body if isinstance(body, dict) and "status" in body else None

    def _fault(self, reply: Reply) -> ProviderError:
        words = text_of(reply) if is_answer(reply) else ""
        if words in REFUSED or (reply.status == 401 and not words.startswith("<")):
            return ProviderRefused(self.provider, f"HTTP {reply.status}: key or rating")
        if words in RATE_LIMITED:
            return RateLimited(self.provider, reply.retry_after_s)
        if words in TRANSIENT:
            return ProviderUnavailable(self.provider, words)
        return unreadable(self.provider, reply)


def _sms_in(rows: object) -> tuple[Sms, ...]:
    if not isinstance(rows, list):
        return ()
    told = [row for row in rows if isinstance(row, dict)]
    return several_sms((row.get("code"), row.get("text"), row.get("created_at")) for row in told)


def _reaches_far_back(rows: list[dict[str, Any]]) -> bool:
    """Whether a page reaches so far back that nothing behind it can be live."""
    made = [instant_of(row.get("created_at")) for row in rows]
    known: list[datetime] = [each for each in made if each is not None]
    return len(known) > 1 and max(known) - min(known) > LIVE_FOR


class FiveSim(Account):
    """One account at 5sim."""

    def __init__(self, config: ProviderConfig, surroundings: Surroundings) -> None:
        self._read = FiveSimReplies(config.name, config.currency)
        address = Address(
            base_url=config.base_url.rstrip("/") + "/v1/user",
            headers={
                "Authorization": f"Bearer {config.api_key}",
                "Accept": "application/json",
            },
        )
        can = Capabilities(list_page_size=PAGE_SIZE, resend=False, gives_expiry=True, history=True)
        super().__init__(config, address, surroundings, can)

    async def rent(self, request: RentRequest) -> Rented | NoRent:
        target = f"/buy/activation/{escaped(request.country)}/any/{escaped(request.service)}"
        if request.max_cost_minor is not None:
            target += f"?maxPrice={major(request.max_cost_minor, self._currency)}"
        return await self._http.call(Operation.RENT, target, self._read.rent)

    async def look(self, ref: ProviderRef) -> Observation:
        return await self._http.call(Operation.LOOK, f"/check/{escaped(ref)}", self._read.look)

    async def list_active(self, page: int) -> ActivePage:
        return await self._listed(page * PAGE_SIZE, self._read.page)

    async def list_whole(self, page: int) -> ActivePage:
        return await self._listed(page * PAGE_SIZE, self._read.whole_page)

    async def history(self, since: datetime, until: datetime, skip: int) -> HistoryPage:
        return within(await self._listed(skip, self._read.history), since, until, skip)

    async def _listed(self, offset: int, read: Callable[[Reply], T]) -> T:
        return await self._http.call_patiently(
            Operation.LIST,
            f"/orders?category=activation&limit={PAGE_SIZE}&offset={offset}&order=id&reverse=true",
            read,
            cap=LIST_CAP,
        )

    async def cancel(self, ref: ProviderRef) -> CancelReply:
        target = f"/cancel/{escaped(ref)}"
        return await self._http.call(Operation.CANCEL, target, self._read.cancel)

    async def finish(self, ref: ProviderRef) -> Observation:
        target = f"/finish/{escaped(ref)}"
        finished = await self._http.call(Operation.FINISH, target, self._read.finish)
        return finished or await self.look_too(ref)

    async def ask_again(self, ref: ProviderRef) -> bool:  # noqa: ARG002 - the port's
        """More SMS come by themselves while the order lives; there is nothing to ask for."""
        return False

    async def balance(self) -> Balance:
        return await self._http.call_patiently(Operation.BALANCE, "/profile", self._read.balance)
