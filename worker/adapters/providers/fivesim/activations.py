"""5sim: orders as JSON, errors as plain text, often with 200, and 302 for what it does not know."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from worker.adapters.providers import fields
from worker.adapters.providers.family import (
    ActivationReplies,
    FaultWords,
    OperationRoute,
    OperationTable,
    ProviderAccount,
    ProviderConfig,
)
from worker.adapters.providers.fivesim.history import (
    CHARGED,
    GIVEN_BACK,
    LIVE,
    past_orders,
    with_facts,
    within,
)
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.transport import ProviderContext, escaped
from worker.adapters.providers.wire import Endpoint
from worker.domain.families import NO_DIALECT, capabilities_of
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports import provider as port
from worker.ports.provider import HistoryPage
from worker.ports.reporter import Operation

PAGE_SIZE: Final = capabilities_of("fivesim", NO_DIALECT).page_size
LIVE_FOR: Final = timedelta(hours=1)  #: No activation lives longer; the list is the whole history.

ROUTES: Final[OperationTable] = {
    Operation.RENT: OperationRoute(
        "/buy/activation/{country}/{operator}/{service}",
        price_limit="?maxPrice={price}",
    ),
    Operation.LOOK: OperationRoute("/check/{ref}"),
    Operation.LIST: OperationRoute(
        "/orders?category=activation&limit={limit}&offset={offset}&order=id&reverse=true"
    ),
    Operation.CANCEL: OperationRoute("/cancel/{ref}"),
    Operation.FINISH: OperationRoute("/finish/{ref}"),
    Operation.REPORT: OperationRoute("/ban/{ref}"),
    Operation.BALANCE: OperationRoute("/profile"),
}

REUSE: Final = "/reuse/{service}/{phone}"  #: Buys the phone of an earlier order once more.

NOT_KNOWN: Final = frozenset({"order not found", "record not found", "order expired"})
FAULT_WORDS: Final = FaultWords(
    refused=frozenset({"not enough rating", "Unauthorized - Invalid API Key"}),
    rate_limited=frozenset(
        {"api limit is 100 requests per second", "ip address limit is 100 requests per second"}
    ),
    transient=frozenset({"server offline", "internal error"}),
)
REFUSALS: Final = {
    "you need to wait time": port.Refusal.EARLY,
    "order has sms": port.Refusal.CODE_ARRIVED,
    "order not found": port.Refusal.UNCLEAR,
    "record not found": port.Refusal.UNCLEAR,
    "order expired": port.Refusal.UNCLEAR,
    "order no sms": port.Refusal.UNCLEAR,
    "hosting order": port.Refusal.NOT_CANCELLABLE,
}
NO_RENT: Final = {
    "no free phones": port.NoRent.NO_NUMBERS,
    "reuse not possible": port.NoRent.NO_NUMBERS,
    "reuse false": port.NoRent.NO_NUMBERS,
    "reuse expired": port.NoRent.NO_NUMBERS,
    "not enough user balance": port.NoRent.NO_BALANCE,
    "bad country": port.NoRent.BAD_REQUEST,
    "bad operator": port.NoRent.BAD_REQUEST,
    "country is incorrect": port.NoRent.BAD_REQUEST,
    "product is incorrect": port.NoRent.BAD_REQUEST,
    "select country": port.NoRent.BAD_REQUEST,
    "select operator": port.NoRent.BAD_REQUEST,
    "no product": port.NoRent.BAD_REQUEST,
}


class FiveSimReplies(ActivationReplies):
    """Reads the replies of 5sim. Raises `ProviderError` only."""

    fault_words = FAULT_WORDS
    not_known = NOT_KNOWN
    no_rent = NO_RENT

    def look(self, reply: Reply) -> port.Observation:
        order = self._order(reply)
        if order is not None:
            return self._seen(reply, order)
        return self._not_known(reply)

    def _seen(self, reply: Reply, order: dict[str, Any]) -> port.Observation:
        sms, status = _sms_in(order.get("sms")), order.get("status")
        if not isinstance(status, str):
            raise reply.unreadable(self.provider)
        if status == CHARGED:
            return port.Ended(PriceFate.KEPT, sms)
        if status in LIVE | GIVEN_BACK and sms:
            return port.CodesArrived(sms)  # The SMS counts more than the label beside it.
        if status in LIVE:
            return port.Waiting()
        # Only without any SMS, not with one that could not be read.
        if status in GIVEN_BACK and not order.get("sms"):
            return port.Ended(PriceFate.GIVEN_BACK)
        raise reply.unreadable(self.provider)

    def cancel(self, reply: Reply) -> port.CancelReply:
        order = self._order(reply)
        if order is None:
            why = REFUSALS.get(self._word(reply))
            if why is None:
                raise self._fault(reply)
            return port.Refused(why)
        match self._seen(reply, order):
            case port.CodesArrived(sms=sms) | port.Ended(PriceFate.KEPT, sms) if sms:
                return port.Refused(port.Refusal.CODE_ARRIVED, sms=sms)
            case port.Ended(PriceFate.GIVEN_BACK):
                return port.Ended(PriceFate.GIVEN_BACK)
            case _:
                return port.Refused(port.Refusal.UNCLEAR)

    def finish(self, reply: Reply) -> port.Observation | None:
        order = self._order(reply)
        if order is not None:
            return self._seen(reply, order)
        if self._word(reply) in REFUSALS:
            return None
        raise self._fault(reply)

    def rent(self, reply: Reply) -> port.Rented | port.NoRent:
        order = self._order(reply)
        if order is None:
            return self._not_rented(reply)
        rented = self._rented(reply, order.get("id"), fields.phone_of(order.get("phone")))
        cost, currency = fields.cost_in(order.get("price"), self.currency)
        return replace(
            rented,
            cost_minor=cost,
            currency=currency,
            expires_at=fields.instant_of(order.get("expires")),
        )

    def balance(self, reply: Reply) -> port.Balance:
        body = reply.exact_json()
        return self._balance(reply, body.get("balance") if isinstance(body, dict) else None)

    def page(self, reply: Reply) -> port.ActivePage:
        """A page of the history, newest first: its live orders, and all that have an SMS.

        An order may be finished before anybody read its SMS, and no other row has that SMS.
        """
        return self._page(reply, lambda status, row: status in LIVE or bool(row.sms))

    def history(self, reply: Reply) -> HistoryPage:
        """The same page with the orders that have ended."""
        orders = self._orders(reply, Reply.exact_json)
        rows = past_orders(orders, self.currency)
        if rows is None:
            raise reply.unreadable(self.provider)
        return HistoryPage(rows, len(orders) or None)

    def whole_page(self, reply: Reply) -> port.ActivePage:
        """The live orders with every fact of their rows: too slow where only codes are needed."""
        live = self._page(reply, lambda status, _: status in LIVE)
        return with_facts(live, self.history(reply))

    def _page(
        self, reply: Reply, is_kept: Callable[[str, port.ActiveRow], bool]
    ) -> port.ActivePage:
        rows = self._orders(reply, Reply.json)
        read = [self._row(reply, row) for row in rows]
        kept = [row for status, row in read if is_kept(status, row)]
        return port.ActivePage(kept, last=len(rows) < PAGE_SIZE or _reaches_far_back(rows))

    def _orders(self, reply: Reply, body_of: Callable[[Reply], Any]) -> list[Any]:
        body = body_of(reply) if reply.is_success else None
        rows = body.get("Data") if isinstance(body, dict) else None
        if not isinstance(rows, list):
            raise self._fault(reply)
        return rows

    def _row(self, reply: Reply, row: object) -> tuple[str, port.ActiveRow]:
        if not isinstance(row, dict):
            raise reply.unreadable(self.provider)
        ref, status = fields.ref_of(row.get("id")), row.get("status")
        if ref is None or not isinstance(status, str):
            raise reply.unreadable(self.provider)
        return status, port.ActiveRow(
            ProviderRef(ref),
            _sms_in(row.get("sms")),
            fields.phone_of(row.get("phone")),
            fields.str_of(row.get("product")),
        )

    def _order(self, reply: Reply) -> dict[str, Any] | None:
        body = reply.exact_json() if reply.is_success else None
        return body if isinstance(body, dict) and "status" in body else None

    def _word(self, reply: Reply) -> str:
        return reply.text() if reply.is_answer else ""


def _sms_in(rows: object) -> tuple[port.Sms, ...]:
    return fields.several_sms(
        (row.get("code"), row.get("text"), row.get("created_at")) for row in fields.objects_in(rows)
    )


def _reaches_far_back(rows: Sequence[dict[str, Any]]) -> bool:
    """Whether a page reaches so far back that nothing behind it can be live."""
    created = [fields.instant_of(row.get("created_at")) for row in rows]
    known = [instant for instant in created if instant is not None]
    return len(known) > 1 and max(known) - min(known) > LIVE_FOR


class FiveSimAccount(ProviderAccount):
    """One account at 5sim."""

    def __init__(self, config: ProviderConfig, context: ProviderContext) -> None:
        self._orders = FiveSimReplies(config)
        endpoint = Endpoint(
            base_url=config.base_url.rstrip("/") + "/v1/user",
            headers={
                "Authorization": f"Bearer {config.api_key}",
                "Accept": "application/json",
            },
        )
        super().__init__(config, context, endpoint, ROUTES, self._orders)

    async def rent(self, request: port.RentRequest) -> port.Rented | port.NoRent:
        options = request.options
        self._known(options)
        limited = request.max_cost_minor is not None
        if limited and (options.operator is not None or options.reused is not None):
            return port.NoRent.PRICE_ABOVE_MAX  # A limit is taken for any operator only.
        if options.reused is not None:
            target = REUSE.format(
                service=escaped(request.service),
                phone=escaped(options.reused.phone.removeprefix("+")),
            )
            return await self._http.call(Operation.RENT, target, self._orders.rent)
        voice = f"{'&' if limited else '?'}voice=1" if options.voice else ""
        words = {"operator": escaped(options.operator or "any")}
        return await self._buy(
            Operation.RENT, request, self._orders.rent, self._currency, voice, words
        )

    async def history(self, since: datetime, until: datetime, skip: int) -> HistoryPage:
        target = ROUTES[Operation.LIST].target.format(limit=PAGE_SIZE, offset=skip)
        page = await self._read_list(target, self._orders.history)
        return within(page, since, until, skip)
