"""SMSPVA, second version: `{statusCode, data}` or `{statusCode, error: {type}}`, key in a header.

Reading an SMS can charge, so nothing that reads one is repeated; some statuses from 500 on are
answers.
"""

from datetime import timedelta
from typing import Any, Final, NamedTuple

from worker.adapters.providers.account import Account
from worker.adapters.providers.amounts import left_minor
from worker.adapters.providers.config import ProviderConfig
from worker.adapters.providers.reply import (
    RateLimited,
    Reply,
    exact_json_of,
    phone_of,
    ref_of,
    several_sms,
    unreadable,
)
from worker.adapters.providers.smspva.rentals import RentalDoor
from worker.adapters.providers.transport import (
    LIST_CAP,
    Address,
    Operation,
    Surroundings,
    Transport,
    escaped,
)
from worker.domain.ids import ProviderRef
from worker.ports.errors import ProviderError, ProviderRefused, ProviderUnavailable
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

PAGE_SIZE = 1000  #: The list has no pages; this is what it is reckoned as.
LOOK_GAP = timedelta(seconds=4)  #: Demanded between any two queries.
LIFETIME_MAX_S = 86_400

DONE: Final = 200
NOT_YET: Final = 202
UNPAID: Final = 407  #: An SMS is there that our balance does not pay.
NOT_KNOWN: Final = frozenset({406, 410})
NO_SMS: Final = frozenset({404, 503})  #: Of clearsms: none, or an unpaid one waiting.
UNAUTHORISED: Final = 401
TOO_MANY: Final = 411  #: Karma or rate.
TOLD_BY_5XX: Final = frozenset({500, 501, 502, 503})
NO_RENT: Final = {
    405: NoRent.BAD_REQUEST,
    UNPAID: NoRent.NO_BALANCE,
    501: NoRent.NO_NUMBERS,
    502: NoRent.NO_NUMBERS,
}


class Said(NamedTuple):
    status: int
    data: object


class SmsPvaReplies:
    """Reads what SMSPVA says. Raises `ProviderError` only."""

    def __init__(self, provider: str, currency: str) -> None:
        self.provider = provider
        self.currency = currency

    def look(self, reply: Reply) -> Observation:
        said = self._said(reply)
        if said.status == DONE and (sms := _sms_in(said.data)):
            return CodesArrived(sms)
        if said.status == NOT_YET:
            return Waiting()
        if said.status in NOT_KNOWN:
            return NotKnown()
        if said.status == UNPAID:
            raise ProviderRefused(self.provider, "balance too low to read an SMS")
        raise self._fault(reply, said)

    def cancel(self, reply: Reply) -> CancelReply:
        said = self._said(reply)
        if said.status == DONE:
            return Cancelled()
        if said.status == UNPAID:
            return Refused(Refusal.CODE_ARRIVED)
        if 400 <= said.status < 500 and said.status not in {UNAUTHORISED, TOO_MANY}:
            return Refused(Refusal.UNCLEAR)  # Why it refuses is documented for few.
        raise self._fault(reply, said)

    def finish(self, reply: Reply) -> Finished | None:
        said = self._said(reply)
        if said.status == DONE:
            return Finished()
        if said.status in NOT_KNOWN | NO_SMS:
            return None
        raise self._fault(reply, said)

    def ask_again(self, reply: Reply) -> bool:
        said = self._said(reply)
        if said.status == DONE:
            return True
        if said.status in NOT_KNOWN | NO_SMS | {UNPAID}:
            return False
        raise self._fault(reply, said)

    def rent(self, reply: Reply) -> Rented | NoRent:
        said = self._said(reply)
        if said.status != DONE:
            why = NO_RENT.get(said.status)
            if why is None:
                raise self._fault(reply, said)
            return why
        data = said.data if isinstance(said.data, dict) else {}
        ref, phone = ref_of(data.get("orderId")), _phone_in(data)
        if ref is None or phone is None:
            raise unreadable(self.provider, reply)
        return Rented(ProviderRef(ref), phone, expires_in=_span(data.get("orderExpireIn")))

    def balance(self, reply: Reply) -> Balance:
        said = self._said(reply)
        if said.status == DONE and isinstance(said.data, dict):
            left = left_minor(said.data.get("balance"), self.currency)
            if left is not None:
                return Balance(left, self.currency)
        raise self._fault(reply, said)

    def page(self, reply: Reply) -> ActivePage:
        said = self._said(reply)
        data = said.data
        rows = data.get("orders") if isinstance(data, dict) else data
        if said.status != DONE or not isinstance(rows, list):
            raise self._fault(reply, said)
        return ActivePage([self._row(reply, row) for row in rows], last=True)

    def _row(self, reply: Reply, row: object) -> ActiveRow:
        if not isinstance(row, dict) or (ref := ref_of(row.get("orderId"))) is None:
            raise unreadable(self.provider, reply)
        service, country = row.get("service"), row.get("country")
        return ActiveRow(
            ProviderRef(ref),
            _sms_in(row),
            _phone_in(row),
            service if isinstance(service, str) else None,
            country if isinstance(country, str) else None,
        )

    def _said(self, reply: Reply) -> Said:
        """The status of the body, which the status of the reply must not contradict."""
        body = exact_json_of(reply)
        status = body.get("statusCode") if isinstance(body, dict) else None
        # Its range too: an error names the status, and a longer one could be a phone.
        if type(status) is not int or not 100 <= status < 600 or reply.status not in {status, DONE}:
            raise self._fault(reply, Said(reply.status, None))
        return Said(status, body.get("data"))

    def _fault(self, reply: Reply, said: Said) -> ProviderError:
        if said.status >= 500:
            return ProviderUnavailable(self.provider, f"status {said.status}")
        if said.status == TOO_MANY:
            return RateLimited(self.provider, reply.retry_after_s)
        if said.status == UNAUTHORISED and not reply.body.startswith(b"<"):
            return ProviderRefused(self.provider, "status 401")
        return unreadable(self.provider, reply)


def _sms_in(data: object) -> tuple[Sms, ...]:
    sms = data.get("sms") if isinstance(data, dict) else None
    rows: list[Any] = sms if isinstance(sms, list) else [sms]
    told = [row for row in rows if isinstance(row, dict)]
    return several_sms((row.get("code"), row.get("fullText"), None) for row in told)


def _phone_in(data: dict[str, Any]) -> str | None:
    """The number comes without its country code; that comes beside it, as `+7` or as `RU`."""
    local, code = phone_of(data.get("phoneNumber")), data.get("countryCode")
    digits = code.removeprefix("+") if isinstance(code, str) else ""
    if local is None or not digits.isdecimal() or not digits.isascii():
        return local
    return digits + local


def _span(seconds: object) -> timedelta | None:
    if type(seconds) is not int or not 0 < seconds <= LIFETIME_MAX_S:
        return None
    return timedelta(seconds=seconds)


class SmsPva(Account):
    """One account at SMSPVA."""

    def __init__(self, config: ProviderConfig, surroundings: Surroundings) -> None:
        self._read = SmsPvaReplies(config.name, config.currency)
        address = Address(
            base_url=config.base_url.rstrip("/") + "/activation",
            headers={"apikey": config.api_key},
            told_by_5xx=TOLD_BY_5XX,
        )
        can = Capabilities(
            list_page_size=PAGE_SIZE,
            look_changes_things=True,
            look_gap=LOOK_GAP,
            gives_expiry=True,
            price_limit=False,
        )
        super().__init__(config, address, surroundings, can)
        self._rentals_http = RentalDoor(config, surroundings)

    @property
    def rentals_http(self) -> Transport:
        return self._rentals_http

    async def close(self) -> None:
        await super().close()
        await self._rentals_http.close()

    async def rent(self, request: RentRequest) -> Rented | NoRent:
        if request.max_cost_minor is not None:
            return NoRent.PRICE_ABOVE_MAX  # It cannot be told a limit, so it might exceed one.
        target = f"/number/{escaped(request.country)}/{escaped(request.service)}"
        return await self._http.call(Operation.RENT, target, self._read.rent)

    async def look(self, ref: ProviderRef) -> Observation:
        return await self._http.call(Operation.LOOK, f"/sms/{escaped(ref)}", self._read.look)

    async def list_active(self, page: int) -> ActivePage:
        if page > 0:
            return ActivePage((), last=True)
        return await self._http.call(Operation.LIST, "/orders", self._read.page, cap=LIST_CAP)

    async def cancel(self, ref: ProviderRef) -> CancelReply:
        target = f"/cancelorder/{escaped(ref)}"
        return await self._http.call(Operation.CANCEL, target, self._read.cancel, method="PUT")

    async def finish(self, ref: ProviderRef) -> Observation:
        target = f"/stopsms/{escaped(ref)}"
        finished = await self._http.call(Operation.FINISH, target, self._read.finish, method="PUT")
        return finished or await self.look_too(ref)

    async def ask_again(self, ref: ProviderRef) -> bool:
        target = f"/clearsms/{escaped(ref)}"
        return await self._http.call(
            Operation.ASK_AGAIN, target, self._read.ask_again, method="PUT"
        )

    async def balance(self) -> Balance:
        return await self._http.call_patiently(Operation.BALANCE, "/balance", self._read.balance)
