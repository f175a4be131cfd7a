"""onlinesim: JSON with everything in `response`, one call that closes, whatever the reason.

`setOperationOk` is both "cancel" and "finish", so a cancel looks before and after it: only the
status tells whether an SMS was there, and with it a charge.
"""

from typing import Any, Final

from worker.adapters.providers.account import Account
from worker.adapters.providers.amounts import left_minor
from worker.adapters.providers.config import ProviderConfig
from worker.adapters.providers.reply import (
    RateLimited,
    Reply,
    exact_json_of,
    is_answer,
    is_success,
    json_of,
    phone_of,
    ref_of,
    several_sms,
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
#: Codes instead of texts, all of them, and shown messages stay shown.
STATE = "/getState.php?message_to_code=1&msg_list=1&clean=0"

WAITING: Final = frozenset({"TZ_INPOOL", "TZ_NUM_WAIT", "TZ_NUM_PREPARE"})
ANSWERED: Final = "TZ_NUM_ANSWER"
OVER_EMPTY: Final = "TZ_OVER_EMPTY"
OVER_OK: Final = "TZ_OVER_OK"
NOT_KNOWN: Final = frozenset(
    {"ERROR_NO_OPERATIONS", "ERROR_WRONG_TZID", "LIFICYCLE_NUM_EXPIRED", "WARNING_NO_NUMS"}
)
REFUSED: Final = frozenset(
    {
        "ERROR_WRONG_KEY",
        "ERROR_NO_KEY",
        "API_ACCESS_DISABLED",
        "API_ACCESS_IP",
        "ACCOUNT_BLOCKED",
        "ACCOUNT_IDENTIFICATION_REQUIRED",
    }
)
RATE_LIMITED: Final = frozenset({"INTERVAL_CONCURRENT_REQUESTS_ERROR"})
TRANSIENT: Final = frozenset({"TRY_AGAIN_LATER"})
TOO_EARLY: Final = "NO_COMPLETE_TZID"
NO_RENT: Final = {
    "NO_NUMBER": NoRent.NO_NUMBERS,
    "WARNING_NO_NUMS": NoRent.NO_NUMBERS,
    "EXCEEDED_CONCURRENT_OPERATIONS": NoRent.NO_NUMBERS,
    "TIME_INTERVAL_ERROR": NoRent.NO_NUMBERS,
    "WARNING_LOW_BALANCE": NoRent.NO_BALANCE,
    "ERROR_NO_SERVICE": NoRent.BAD_REQUEST,
    "UNDEFINED_COUNTRY": NoRent.BAD_REQUEST,
    "ERROR_PARAMS": NoRent.BAD_REQUEST,
    "NEED_EXTENSION_NUMBER": NoRent.BAD_REQUEST,
}


class OnlineSimReplies:
    """Reads what onlinesim says. Raises `ProviderError` only."""

    def __init__(self, provider: str, currency: str) -> None:
        self.provider = provider
        self.currency = currency

    def look(self, reply: Reply) -> Observation:
        rows = json_of(reply)
        if not is_success(reply) or not isinstance(rows, list):
            if is_answer(reply) and word_of(rows) in NOT_KNOWN:
                return NotKnown()
            raise self._fault(reply, word_of(rows))
        if len(rows) != 1 or not isinstance(rows[0], dict):
            raise unreadable(self.provider, reply)
        row = rows[0]
        sms, state = _sms_in(row.get("msg")), row.get("response")
        if not isinstance(state, str):
            raise unreadable(self.provider, reply)
        if state == OVER_OK:
            return Finished(sms)
        if state in WAITING or state in {ANSWERED, OVER_EMPTY}:
            if sms:
                return CodesArrived(sms)
            if state != ANSWERED:
                return Cancelled() if state == OVER_EMPTY else Waiting()
        if state in NOT_KNOWN:
            return NotKnown()
        raise unreadable(self.provider, reply)

    def closed(self, reply: Reply) -> Refusal | None:
        """None where the operation is closed now; else why not."""
        body = json_of(reply)
        if is_success(reply) and is_one(body):
            return None
        if is_answer(reply) and word_of(body) == TOO_EARLY:
            return Refusal.EARLY
        if is_answer(reply) and word_of(body) in NOT_KNOWN:
            return Refusal.UNCLEAR
        raise self._fault(reply, word_of(body))

    def ask_again(self, reply: Reply) -> bool:
        body = json_of(reply)
        if is_success(reply) and is_one(body):
            return True
        if is_answer(reply) and word_of(body) in NOT_KNOWN | {TOO_EARLY}:
            return False
        raise self._fault(reply, word_of(body))

    def rent(self, reply: Reply) -> Rented | NoRent:
        body = json_of(reply)
        if is_success(reply) and is_one(body) and isinstance(body, dict):
            ref, phone = ref_of(body.get("tzid")), phone_of(body.get("number"))
            if ref is None or phone is None:
                raise unreadable(self.provider, reply)
            return Rented(ProviderRef(ref), phone)
        why = NO_RENT.get(word_of(body)) if is_answer(reply) else None
        if why is None:
            raise self._fault(reply, word_of(body))
        return why

    def balance(self, reply: Reply) -> Balance:
        body = exact_json_of(reply)
        if is_success(reply) and is_one(body) and isinstance(body, dict):
            left = left_minor(body.get("balance"), self.currency)
            if left is not None:
                return Balance(left, self.currency)
        raise self._fault(reply, word_of(body))

    def page(self, reply: Reply) -> ActivePage:
        rows = json_of(reply)
        if is_answer(reply) and word_of(rows) == "ERROR_NO_OPERATIONS":
            return ActivePage((), last=True)
        if not is_success(reply) or not isinstance(rows, list):
            raise self._fault(reply, word_of(rows))
        read = [self._row(reply, row) for row in rows]
        live = WAITING | {ANSWERED}
        return ActivePage([row for state, row in read if state in live], last=True)

    def _row(self, reply: Reply, row: object) -> tuple[str, ActiveRow]:
        if not isinstance(row, dict):
            raise unreadable(self.provider, reply)
        ref, state, service = ref_of(row.get("tzid")), row.get("response"), row.get("service")
        if ref is None or not isinstance(state, str):
            raise unreadable(self.provider, reply)
        return state, ActiveRow(
            ProviderRef(ref),
            _sms_in(row.get("msg")),
            phone_of(row.get("number")),
            service if isinstance(service, str) else None,
            None if row.get("country") is None else str(row["country"]),
        )

    def _fault(self, reply: Reply, word: str) -> ProviderError:
        if is_answer(reply):
            if word in REFUSED or (reply.status == 401 and not reply.body.startswith(b"<")):
                return ProviderRefused(self.provider, word or "HTTP 401")
            if word in RATE_LIMITED:
                return RateLimited(self.provider, reply.retry_after_s)
            if word in TRANSIENT:
                return ProviderUnavailable(self.provider, word)
        return unreadable(self.provider, reply, word)


def _response(body: object) -> object:
    """What is under `response`, which sometimes is one level down, under `original`."""
    if not isinstance(body, dict):
        return None
    inner = body.get("original")
    return (inner if isinstance(inner, dict) else body).get("response")


def is_one(body: object) -> bool:
    response = _response(body)
    return response is True or response == "1" or (type(response) is int and response == 1)


def word_of(body: object) -> str:
    response = _response(body)
    return response if isinstance(response, str) else ""


def _sms_in(msg: object) -> tuple[Sms, ...]:
    """One message, or a list of them; each as it is, or under `msg`. A code may be an integer."""
    rows: list[Any] = msg if isinstance(msg, list) else [msg]
    told = (row.get("msg") if isinstance(row, dict) else row for row in rows)
    return several_sms((each, None, None) for each in told)


class OnlineSim(Account):
    """One account at onlinesim."""

    def __init__(self, config: ProviderConfig, surroundings: Surroundings) -> None:
        self._read = OnlineSimReplies(config.name, config.currency)
        address = Address(
            base_url=config.base_url.rstrip("/") + "/api",
            key_suffix=f"&apikey={escaped(config.api_key)}",
        )
        can = Capabilities(list_page_size=PAGE_SIZE, push=True, price_limit=False)
        super().__init__(config, address, surroundings, can)

    async def rent(self, request: RentRequest) -> Rented | NoRent:
        if request.max_cost_minor is not None:
            return NoRent.PRICE_ABOVE_MAX  # It cannot be told a limit, so it might exceed one.
        target = (
            f"/getNum.php?service={escaped(request.service)}"
            f"&country={escaped(request.country)}&number=true"
        )
        return await self._http.call(Operation.RENT, target, self._read.rent)

    async def look(self, ref: ProviderRef) -> Observation:
        target = f"{STATE}&tzid={escaped(ref)}"
        return await self._http.call(Operation.LOOK, target, self._read.look)

    async def list_active(self, page: int) -> ActivePage:
        if page > 0:
            return ActivePage((), last=True)
        return await self._http.call_patiently(Operation.LIST, STATE, self._read.page, cap=LIST_CAP)

    async def cancel(self, ref: ProviderRef) -> CancelReply:
        before = await self.look(ref)
        if not isinstance(before, Waiting):
            return _refused_by(before)
        target = f"/setOperationOk.php?tzid={escaped(ref)}"
        await self._http.pay_more()
        refusal = await self._http.call(Operation.CANCEL, target, self._read.closed)
        if refusal is not None:
            return Refused(refusal)
        match await self.look_too(ref):
            case CodesArrived(sms=sms) | Finished(sms=sms):
                return Refused(Refusal.CODE_ARRIVED, sms=sms)
            case Cancelled() | NotKnown():
                # Closed, and empty an instant before: nothing to charge for.
                return Cancelled()
            case Waiting():
                return Refused(Refusal.UNCLEAR)

    async def finish(self, ref: ProviderRef) -> Observation:
        target = f"/setOperationOk.php?tzid={escaped(ref)}"
        refusal = await self._http.call(Operation.FINISH, target, self._read.closed)
        return Finished() if refusal is None else await self.look_too(ref)

    async def ask_again(self, ref: ProviderRef) -> bool:
        target = f"/setOperationRevise.php?tzid={escaped(ref)}"
        return await self._http.call(Operation.ASK_AGAIN, target, self._read.ask_again)

    async def balance(self) -> Balance:
        return await self._http.call_patiently(
            Operation.BALANCE, "/getBalance.php?lang=en", self._read.balance
        )


def _refused_by(seen: Observation) -> CancelReply:
    """What a look before the cancel makes of it, where the number does not simply wait."""
    match seen:
        case Cancelled():
            return Cancelled()
        case CodesArrived(sms=sms) | Finished(sms=sms) if sms:
            return Refused(Refusal.CODE_ARRIVED, sms=sms)
        case _:
            return Refused(Refusal.UNCLEAR)
