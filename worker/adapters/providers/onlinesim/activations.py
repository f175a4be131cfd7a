"""onlinesim: JSON with everything in `response`, and one call that closes a number for any reason.

`setOperationOk` is both "cancel" and "finish". So a cancel looks before and after it: only the
status shows whether an SMS had arrived, and with it a charge.
"""

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
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.transport import ProviderContext, escaped
from worker.adapters.providers.wire import Endpoint
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports import provider as port
from worker.ports.reporter import Operation

#: Asks for codes instead of texts, for all of them, and leaves them visible to the next look.
STATE: Final = "/getState.php?message_to_code=1&msg_list=1&clean=0"
CLOSE: Final = OperationRoute("/setOperationOk.php?tzid={ref}")
ROUTES: Final[OperationTable] = {
    Operation.RENT: OperationRoute("/getNum.php?service={service}&country={country}&number=true"),
    Operation.LOOK: OperationRoute(STATE + "&tzid={ref}"),
    Operation.LIST: OperationRoute(STATE),
    Operation.CANCEL: CLOSE,
    Operation.FINISH: CLOSE,
    Operation.ASK_AGAIN: OperationRoute("/setOperationRevise.php?tzid={ref}"),
    Operation.REPORT: OperationRoute("/setOperationOk.php?tzid={ref}&ban=1"),
    Operation.BALANCE: OperationRoute("/getBalance.php?lang=en"),
}

WAITING: Final = frozenset({"TZ_INPOOL", "TZ_NUM_WAIT", "TZ_NUM_PREPARE"})
ANSWERED: Final = "TZ_NUM_ANSWER"
OVER_EMPTY: Final = "TZ_OVER_EMPTY"
OVER_OK: Final = "TZ_OVER_OK"
NOT_KNOWN: Final = frozenset(
    {"ERROR_NO_OPERATIONS", "ERROR_WRONG_TZID", "LIFICYCLE_NUM_EXPIRED", "WARNING_NO_NUMS"}
)
FAULT_WORDS: Final = FaultWords(
    refused=frozenset(
        {
            "ERROR_WRONG_KEY",
            "ERROR_NO_KEY",
            "API_ACCESS_DISABLED",
            "API_ACCESS_IP",
            "ACCOUNT_BLOCKED",
            "ACCOUNT_IDENTIFICATION_REQUIRED",
        }
    ),
    rate_limited=frozenset({"INTERVAL_CONCURRENT_REQUESTS_ERROR"}),
    transient=frozenset({"TRY_AGAIN_LATER"}),
)
TOO_EARLY: Final = "NO_COMPLETE_TZID"
NO_RENT: Final = {
    "NO_NUMBER": port.NoRent.NO_NUMBERS,
    "WARNING_NO_NUMS": port.NoRent.NO_NUMBERS,
    "EXCEEDED_CONCURRENT_OPERATIONS": port.NoRent.NO_NUMBERS,
    "TIME_INTERVAL_ERROR": port.NoRent.NO_NUMBERS,
    "WARNING_LOW_BALANCE": port.NoRent.NO_BALANCE,
    "ERROR_NO_SERVICE": port.NoRent.BAD_REQUEST,
    "UNDEFINED_COUNTRY": port.NoRent.BAD_REQUEST,
    "ERROR_PARAMS": port.NoRent.BAD_REQUEST,
    "NEED_EXTENSION_NUMBER": port.NoRent.BAD_REQUEST,
}


class OnlineSimReplies(ActivationReplies):
    """Reads the replies of onlinesim. Raises `ProviderError` only."""

    fault_words = FAULT_WORDS
    not_known = NOT_KNOWN
    no_rent = NO_RENT

    def look(self, reply: Reply) -> port.Observation:
        rows = reply.json()
        if not reply.is_success or not isinstance(rows, list):
            return self._not_known(reply)
        if len(rows) != 1 or not isinstance(rows[0], dict):
            raise reply.unreadable(self.provider)
        row = rows[0]
        sms, state = _sms_in(row.get("msg")), row.get("response")
        if not isinstance(state, str):
            raise reply.unreadable(self.provider)
        if state == OVER_OK:
            return port.Ended(PriceFate.KEPT, sms)
        if state in WAITING or state in {ANSWERED, OVER_EMPTY}:
            if sms:
                return port.CodesArrived(sms)
            if state != ANSWERED:
                return port.Ended(PriceFate.GIVEN_BACK) if state == OVER_EMPTY else port.Waiting()
        if state in NOT_KNOWN:
            return port.NotKnown()
        raise reply.unreadable(self.provider)

    def changed(self, reply: Reply) -> port.Refusal | None:
        """None where the operation is closed now, or where another SMS is waited for."""
        if reply.is_success and is_one(reply.json()):
            return None
        word = self._word(reply)
        if word == TOO_EARLY:
            return port.Refusal.EARLY
        if word in NOT_KNOWN:
            return port.Refusal.UNCLEAR
        raise self._fault(reply)

    def rent(self, reply: Reply) -> port.Rented | port.NoRent:
        body = reply.json()
        if reply.is_success and is_one(body) and isinstance(body, dict):
            return self._rented(reply, body.get("tzid"), fields.phone_of(body.get("number")))
        return self._not_rented(reply)

    def balance(self, reply: Reply) -> port.Balance:
        body = reply.exact_json()
        done = isinstance(body, dict) and is_one(body)
        return self._balance(reply, body.get("balance") if done else None)

    def page(self, reply: Reply) -> port.ActivePage:
        rows = reply.json()
        if self._word(reply) == "ERROR_NO_OPERATIONS":
            return port.ActivePage((), last=True)
        if not reply.is_success or not isinstance(rows, list):
            raise self._fault(reply)
        read = [self._row(reply, row) for row in rows]
        live = WAITING | {ANSWERED}
        return port.ActivePage([row for state, row in read if state in live], last=True)

    def _row(self, reply: Reply, row: object) -> tuple[str, port.ActiveRow]:
        if not isinstance(row, dict):
            raise reply.unreadable(self.provider)
        ref, state = fields.ref_of(row.get("tzid")), row.get("response")
        if ref is None or not isinstance(state, str):
            raise reply.unreadable(self.provider)
        return state, port.ActiveRow(
            ProviderRef(ref),
            _sms_in(row.get("msg")),
            fields.phone_of(row.get("number")),
            fields.str_of(row.get("service")),
            None if row.get("country") is None else str(row["country"]),
        )

    def _word(self, reply: Reply) -> str:
        """The word in `response`; none in a reply that is no answer."""
        response = _response(reply.json()) if reply.is_answer else None
        return response if isinstance(response, str) else ""


def _response(body: object) -> object:
    """What is under `response`, which sometimes is one level down, under `original`."""
    if not isinstance(body, dict):
        return None
    inner = body.get("original")
    return (inner if isinstance(inner, dict) else body).get("response")


def is_one(body: object) -> bool:
    response = _response(body)
    return response is True or response == "1" or (type(response) is int and response == 1)


def _sms_in(msg: object) -> tuple[port.Sms, ...]:
    """One message, or a list of them; each as it is, or under `msg`. A code may be an integer."""
    rows: list[Any] = msg if isinstance(msg, list) else [msg]
    codes = (row.get("msg") if isinstance(row, dict) else row for row in rows)
    return fields.several_sms((code, None, None) for code in codes)


class OnlineSimAccount(ProviderAccount):
    """One account at onlinesim."""

    def __init__(self, config: ProviderConfig, context: ProviderContext) -> None:
        self._states = OnlineSimReplies(config)
        endpoint = Endpoint(
            base_url=config.base_url.rstrip("/") + "/api",
            key_suffix=f"&apikey={escaped(config.api_key)}",
        )
        super().__init__(config, context, endpoint, ROUTES, self._states)

    async def cancel(self, ref: ProviderRef) -> port.CancelReply:
        return await self._close(Operation.CANCEL, ref)

    async def report(self, ref: ProviderRef) -> port.CancelReply:
        return await self._close(Operation.REPORT, ref)

    async def _close(self, operation: Operation, ref: ProviderRef) -> port.CancelReply:
        before = await self.look(ref)
        if not isinstance(before, port.Waiting):
            return _refused_by(before)
        await self._http.pay_more()
        refusal = await self._ask(operation, ref, self._states.changed)
        if refusal is not None:
            return port.Refused(refusal)
        match await self.look_too(ref):
            case port.CodesArrived(sms=sms) | port.Ended(PriceFate.KEPT, sms):
                return port.Refused(port.Refusal.CODE_ARRIVED, sms=sms)
            case port.Ended(PriceFate.GIVEN_BACK) | port.NotKnown():
                # Closed, and without an SMS an instant before: there is nothing to charge for.
                return port.Ended(PriceFate.GIVEN_BACK)
            case port.Waiting() | port.Ended():
                return port.Refused(port.Refusal.UNCLEAR)


def _refused_by(seen: port.Observation) -> port.CancelReply:
    """What a look before the cancel makes of it, where the number does not simply wait."""
    match seen:
        case port.Ended(PriceFate.GIVEN_BACK):
            return port.Ended(PriceFate.GIVEN_BACK)
        case port.CodesArrived(sms=sms) | port.Ended(PriceFate.KEPT, sms) if sms:
            return port.Refused(port.Refusal.CODE_ARRIVED, sms=sms)
        case _:
            return port.Refused(port.Refusal.UNCLEAR)
