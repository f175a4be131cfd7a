"""SMSPool: POSTs of a form, JSON back; refusals as sentences, with 200 or a client error.

There is no call that finishes an order: its first SMS completes it, and it is charged then.
"""

import re
from collections.abc import Sequence
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
    word_under,
)
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.smspool.history import (
    SoldOrder,
    is_odd_sms,
    past_orders,
    sms_in_row,
    within,
)
from worker.adapters.providers.transport import ProviderContext, escaped
from worker.adapters.providers.wire import Endpoint
from worker.domain.families import RentOption
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports import provider as port
from worker.ports.provider import HistoryPage
from worker.ports.reporter import Operation

HISTORY_SIZE: Final = 100
HISTORY: Final = "/request/history?start={start}&length={length}&"
ONE_ORDER: Final = "/request/history?start=0&length=10&search={ref}&"
#: Bytes of the list, which holds all orders until they are archived: some sixty thousand of them.
LIST_CAP: Final = 16 * 1024 * 1024
MAY_RESEND: Final = OperationRoute("/sms/check_resend?orderid={ref}&", "POST")
ROUTES: Final[OperationTable] = {
    Operation.RENT: OperationRoute(
        "/purchase/sms?service={service}&country={country}&",
        "POST",
        "max_price={price}&",
        {
            RentOption.OPERATOR: "carrier={value}&",
            RentOption.AREA_CODE: "areacode=%5B%22{value}%22%5D&",  # A list in JSON.
            RentOption.MEDIUM: "activation_type=VOICE&",
        },
    ),
    Operation.LOOK: OperationRoute("/sms/check?orderid={ref}&", "POST"),
    Operation.LIST: OperationRoute("/request/active?", "POST", cap=LIST_CAP),
    Operation.CANCEL: OperationRoute("/sms/cancel?orderid={ref}&", "POST"),
    Operation.ASK_AGAIN: OperationRoute("/sms/resend?orderid={ref}&", "POST"),
    Operation.BALANCE: OperationRoute("/request/balance?", "POST"),
}

#: The numbers in `status`. Of the last, programs disagree which of them is a refund.
WAITING: Final = frozenset({1, 7, 8})
ARRIVED: Final = 3
REFUNDED: Final = 6
UNCERTAIN: Final = frozenset({2, 4, 5})

#: What stands for a refusal that names no type but the field that is wrong.
BAD_KEY, BAD_FIELD = "bad key", "bad field"
FIELDS_OF_A_PURCHASE: Final[frozenset[str]] = frozenset({"service", "country"})
NOT_KNOWN: Final = "This order could not be found."
TOO_EARLY: Final = re.compile(r"\bcannot be cancell?ed yet\b", re.IGNORECASE)
EARLY_AGAIN: Final = timedelta(seconds=15)  #: It does not say how long; two minutes were enough.
NO_RENT: Final = {
    "OUT_OF_STOCK": port.NoRent.NO_NUMBERS,
    "BALANCE_ERROR": port.NoRent.NO_BALANCE,
    "PRICE_NOT_FOUND": port.NoRent.PRICE_ABOVE_MAX,
    BAD_FIELD: port.NoRent.BAD_REQUEST,
}
_SECONDS: Final = re.compile("-?[0-9]{1,10}")
COUNTRY_CODE_MAX: Final = 4  #: Digits: the longest are those of islands, as 1246.
ENDED_ROWS: Final = frozenset({"refunded", "expired", "cancelled", "canceled"})


class SmsPoolReplies(ActivationReplies):
    """Reads the replies of SMSPool. Raises `ProviderError` only."""

    fault_words = FaultWords(refused=frozenset({BAD_KEY}))
    not_known = frozenset({NOT_KNOWN})
    no_rent = NO_RENT
    fields_of_a_purchase = FIELDS_OF_A_PURCHASE

    def look(self, reply: Reply) -> port.Observation:
        """`Ended` without a fate where only the history shows what became of the order."""
        body = self._object(reply)
        if not reply.is_success or "status" not in body:
            return self._not_known(reply)
        code, text = body.get("sms"), body.get("full_sms")
        status, sms = _whole(body["status"]), sms_in_row(code, text)
        if is_odd_sms(code, text):
            raise reply.unreadable(self.provider)
        if sms is not None and status in WAITING | UNCERTAIN | {ARRIVED, REFUNDED}:
            return port.CodesArrived((sms,))  # The SMS counts more than the number beside it.
        if status in WAITING:
            return port.Waiting()
        if status == REFUNDED:
            return port.Ended(PriceFate.GIVEN_BACK)
        if status in UNCERTAIN:
            return port.Ended()
        raise reply.unreadable(self.provider)

    def past_of(self, reply: Reply, ref: ProviderRef) -> port.Observation:
        """What the history says of one order."""
        past = [row for row in self.dated(reply) if row.number.ref == ref]
        if len(past) != 1:
            return port.Ended()
        if past[0].is_odd:
            raise reply.unreadable(self.provider)
        match past[0]:
            case SoldOrder(sms=sms) if sms is not None:
                return port.CodesArrived((sms,))
            case SoldOrder(number=number) if number.fate is PriceFate.NOT_YET:
                return port.Waiting()
            case SoldOrder(number=number):
                return port.Ended(number.fate)

    def cancel(self, reply: Reply) -> port.CancelReply:
        body = self._object(reply)
        if reply.is_success and is_yes(body.get("success")):
            return port.Ended(PriceFate.GIVEN_BACK)
        word = self._word(reply)
        if not reply.is_answer or word == BAD_KEY or not is_no(body.get("success")):
            raise self._fault(reply)
        if TOO_EARLY.search(word):
            return port.Refused(port.Refusal.EARLY, retry_after=EARLY_AGAIN)
        # Why else it refuses is documented nowhere: only the status shows what happened.
        return port.Refused(port.Refusal.UNCLEAR)

    def resend_is_free(self, reply: Reply) -> bool:
        body = self._object(reply, exact=True)
        if reply.is_success and is_yes(body.get("success")):
            return fields.cost_minor(body.get("resendCost"), self.currency) == 0
        return self._refused(reply)

    def asked_again(self, reply: Reply, ref: ProviderRef) -> bool:
        body = self._object(reply)
        if reply.is_success and is_yes(body.get("success")):
            # The SMS may be expected by an order of its own then, which is none of ours.
            return bool(body.get("order_id", ref) == ref)
        return self._refused(reply)

    def _refused(self, reply: Reply) -> bool:
        """False where a change was plainly refused; else raises."""
        body = self._object(reply)
        known = reply.is_answer and self._word(reply) != BAD_KEY
        if known and is_no(body.get("success")):
            return False
        raise self._fault(reply)

    def rent(self, reply: Reply) -> port.Rented | port.NoRent:
        body = self._object(reply, exact=True)
        if not reply.is_success or not is_yes(body.get("success")):
            return self._not_rented(reply)
        rented = self._rented(reply, body.get("order_id"), _phone_in(body))
        cost, currency = fields.cost_in(body.get("cost"), self.currency)
        return replace(
            rented,
            cost_minor=cost,
            currency=currency,
            expires_at=fields.unix_of(body.get("expiration")),
            expires_in=fields.span_of(body.get("expires_in")),
        )

    def balance(self, reply: Reply) -> port.Balance:
        return self._balance(reply, self._object(reply, exact=True).get("balance"))

    def page(self, reply: Reply) -> port.ActivePage:
        return self._page(reply, reply.json())

    def whole_page(self, reply: Reply) -> port.ActivePage:
        return self._page(reply, reply.exact_json())

    def _page(self, reply: Reply, rows: object) -> port.ActivePage:
        """All orders that are not archived, of which those that may be live are kept."""
        if not reply.is_success or not isinstance(rows, list):
            raise self._fault(reply)
        now = _clock_of(rows)
        read = [self._row(reply, row) for row in rows if not _is_over(row, now)]
        kept = [row for status, row in read if row.sms or status not in ENDED_ROWS]
        return port.ActivePage(kept, last=True)

    def _row(self, reply: Reply, row: object) -> tuple[str, port.ActiveRow]:
        if not isinstance(row, dict) or (ref := fields.ref_of(row.get("order_code"))) is None:
            raise reply.unreadable(self.provider)
        sms = sms_in_row(row.get("code"), row.get("full_code"))
        cost, currency = fields.cost_in(row.get("cost"), self.currency)
        # Without its service: that is a name for people, and not what was asked for.
        return str(row.get("status")).lower(), port.ActiveRow(
            ProviderRef(ref),
            () if sms is None else (sms,),
            fields.phone_of(row.get("phonenumber")),
            country=fields.str_of(row.get("short_name")),
            cost_minor=cost,
            currency=currency,
            rented_by=fields.unix_of(row.get("expiry")),
        )

    def history(self, reply: Reply) -> HistoryPage:
        rows = self.dated(reply)
        return HistoryPage([row.number for row in rows], len(rows) or None)

    def dated(self, reply: Reply) -> Sequence[SoldOrder]:
        rows = past_orders(reply.exact_json() if reply.is_success else None, self.currency)
        if rows is None:
            raise self._fault(reply)
        return rows

    def _object(self, reply: Reply, *, exact: bool = False) -> dict[str, Any]:
        """The JSON object of an answer; an empty one is no answer to anything."""
        body = (reply.exact_json() if exact else reply.json()) if reply.is_answer else None
        return body if isinstance(body, dict) else {}

    def _word(self, reply: Reply) -> str:
        body = self._object(reply)
        wrong = {str(row.get("param")) for row in fields.objects_in(body.get("errors"))}
        if "key" in wrong:
            return BAD_KEY
        if wrong & self.fields_of_a_purchase:
            return BAD_FIELD
        return word_under(body, "type") or word_under(body, "message")


def _whole(value: object) -> int | None:
    """A number, which in some replies is a text."""
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 4:
        return int(value)
    return value if type(value) is int else None


def _seconds(value: object) -> int | None:
    """A count of seconds, as a number or as its text; below zero it is over for so long."""
    if isinstance(value, str) and _SECONDS.fullmatch(value):
        return int(value)
    return value if type(value) is int else None


def _clock_of(rows: Sequence[object]) -> int | None:
    """The provider's time, by the orders that have some left; None where none has."""
    times = (
        expiry - left
        for row in fields.objects_in(rows)
        if (left := _seconds(row.get("time_left"))) is not None
        and left > 0
        and (expiry := _seconds(row.get("expiry"))) is not None
    )
    return max(times, default=None)


def _is_over(row: object, now: int | None) -> bool:
    """Whether the time of an order is over; one with an SMS must have ended by the clock, too.

    Whether a completed one has `time_left` until its end is documented nowhere.
    """
    left = _seconds(row.get("time_left")) if isinstance(row, dict) else None
    if not isinstance(row, dict) or left is None or left > 0:
        return False
    expiry = _seconds(row.get("expiry"))
    if now is not None and expiry is not None and expiry < now:
        return True
    return sms_in_row(row.get("code"), row.get("full_code")) is None


def is_yes(success: object) -> bool:
    return success is True or success == "1" or (type(success) is int and success == 1)


def is_no(success: object) -> bool:
    return success is False or success == "0" or (type(success) is int and success == 0)


def _phone_in(body: dict[str, Any]) -> str | None:
    """`number` is whole; beside it are its two parts."""
    whole = fields.phone_of(body.get("number"))
    local, country = fields.phone_of(body.get("phonenumber")), body.get("cc")
    if whole is not None or local is None:
        return whole
    digits = str(country) if type(country) is int or isinstance(country, str) else ""
    is_code = digits.isdecimal() and digits.isascii() and len(digits) <= COUNTRY_CODE_MAX
    return digits + local if is_code else local


class SmsPoolAccount(ProviderAccount):
    """One account at SMSPool."""

    def __init__(self, config: ProviderConfig, context: ProviderContext) -> None:
        self._orders = SmsPoolReplies(config)
        endpoint = Endpoint(
            base_url=config.base_url.rstrip("/"),
            key_suffix=f"key={escaped(config.api_key)}",
            as_form=True,
        )
        super().__init__(config, context, endpoint, ROUTES, self._orders)

    async def look(self, ref: ProviderRef) -> port.Observation:
        seen = await super().look(ref)
        if seen != port.Ended():
            return seen
        await self._http.pay_more()
        return await self._http.call(
            Operation.LOOK,
            ONE_ORDER.format(ref=escaped(ref)),
            lambda reply: self._orders.past_of(reply, ref),
            method="POST",
        )

    async def finish(self, ref: ProviderRef) -> port.Observation:
        """A look: the first SMS has completed the order."""
        match await self.look(ref):
            case port.CodesArrived(sms=sms):
                return port.Ended(PriceFate.KEPT, sms)
            case seen:
                return seen

    async def ask_again(self, ref: ProviderRef) -> bool:
        """Only where another SMS costs nothing: nobody has said what it may cost."""
        target = MAY_RESEND.target.format(ref=escaped(ref))
        free = await self._http.call(
            Operation.ASK_AGAIN, target, self._orders.resend_is_free, method=MAY_RESEND.method
        )
        if not free:
            return False
        await self._http.pay_more()
        return await self._ask(
            Operation.ASK_AGAIN, ref, lambda reply: self._orders.asked_again(reply, ref)
        )

    async def history(self, since: datetime, until: datetime, skip: int) -> HistoryPage:
        rows = await self._read_list(
            HISTORY.format(start=skip, length=HISTORY_SIZE), self._orders.dated
        )
        return within(rows, since, until, skip)
