"""SMSPVA, second version: `{statusCode, data}` or `{statusCode, error: {type}}`, key in a header.

Reading an SMS can charge, so no call that reads an SMS is repeated. Some statuses from 500 on are
answers.
"""

from dataclasses import replace
from typing import Any, Final, NamedTuple

from worker.adapters.providers import fields
from worker.adapters.providers.family import (
    ActivationReplies,
    OperationRoute,
    OperationTable,
    ProviderAccount,
    ProviderConfig,
)
from worker.adapters.providers.reply import RateLimited, Reply
from worker.adapters.providers.smspva.rentals import RentalTransport
from worker.adapters.providers.transport import ProviderContext, Transport
from worker.adapters.providers.wire import Endpoint
from worker.domain.families import RentOption
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports import provider as port
from worker.ports.errors import ProviderError, ProviderRefused, ProviderUnavailable
from worker.ports.reporter import Operation

LIFETIME_MAX_S: Final = 86_400

ROUTES: Final[OperationTable] = {
    Operation.RENT: OperationRoute(
        "/number/{country}/{service}", options={RentOption.OPERATOR: "/{value}"}
    ),
    Operation.LOOK: OperationRoute("/sms/{ref}"),
    Operation.LIST: OperationRoute("/orders"),
    Operation.CANCEL: OperationRoute("/cancelorder/{ref}", "PUT"),
    Operation.FINISH: OperationRoute("/stopsms/{ref}", "PUT"),
    Operation.ASK_AGAIN: OperationRoute("/clearsms/{ref}", "PUT"),
    Operation.REPORT: OperationRoute("/blocknumber/{ref}", "PUT"),
    Operation.BALANCE: OperationRoute("/balance"),
}

DONE: Final = 200
NOT_YET: Final = 202
UNPAID: Final = 407  #: An SMS has arrived that our balance cannot pay for.
NOT_KNOWN: Final = frozenset({406, 410})
NO_SMS: Final = frozenset({404, 503})  #: Replies to clearsms without an SMS, or with an unpaid one.
UNAUTHORISED: Final = 401
TOO_MANY: Final = 411  #: Karma or rate.
ANSWER_STATUSES: Final = frozenset({500, 501, 502, 503})
NO_RENT: Final = {
    405: port.NoRent.BAD_REQUEST,
    UNPAID: port.NoRent.NO_BALANCE,
    501: port.NoRent.NO_NUMBERS,
    502: port.NoRent.NO_NUMBERS,
}


class SmsPvaBody(NamedTuple):
    """The body of a reply: its own status, and the data that came with it."""

    status: int
    data: object


class SmsPvaReplies(ActivationReplies):
    """Reads the replies of SMSPVA. Raises `ProviderError` only."""

    def look(self, reply: Reply) -> port.Observation:
        answer = self._answer(reply)
        if answer.status == DONE and (sms := _sms_in(answer.data)):
            return port.CodesArrived(sms)
        if answer.status == NOT_YET:
            return port.Waiting()
        if answer.status in NOT_KNOWN:
            return port.NotKnown()
        if answer.status == UNPAID:
            raise ProviderRefused(self.provider, "balance too low to read an SMS")
        raise self._answer_fault(reply, answer)

    def cancel(self, reply: Reply) -> port.CancelReply:
        answer = self._answer(reply)
        if answer.status == DONE:
            return port.Ended(PriceFate.GIVEN_BACK)
        if answer.status == UNPAID:
            return port.Refused(port.Refusal.CODE_ARRIVED)
        if 400 <= answer.status < 500 and answer.status not in {UNAUTHORISED, TOO_MANY}:
            return port.Refused(port.Refusal.UNCLEAR)  # Few reasons for a refusal are documented.
        raise self._answer_fault(reply, answer)

    def finish(self, reply: Reply) -> port.Ended | None:
        return port.Ended(PriceFate.KEPT) if self._done(reply, NOT_KNOWN | NO_SMS) else None

    def ask_again(self, reply: Reply) -> bool:
        return self._done(reply, NOT_KNOWN | NO_SMS | {UNPAID})

    def _done(self, reply: Reply, refusals: frozenset[int]) -> bool:
        answer = self._answer(reply)
        if answer.status != DONE and answer.status not in refusals:
            raise self._answer_fault(reply, answer)
        return answer.status == DONE

    def rent(self, reply: Reply) -> port.Rented | port.NoRent:
        answer = self._answer(reply)
        if answer.status != DONE:
            why = NO_RENT.get(answer.status)
            if why is None:
                raise self._answer_fault(reply, answer)
            return why
        data = answer.data if isinstance(answer.data, dict) else {}
        rented = self._rented(reply, data.get("orderId"), _phone_in(data))
        return replace(rented, expires_in=fields.span_of(data.get("orderExpireIn"), LIFETIME_MAX_S))

    def balance(self, reply: Reply) -> port.Balance:
        answer = self._answer(reply)
        if answer.status != DONE or not isinstance(answer.data, dict):
            raise self._answer_fault(reply, answer)
        return self._balance(reply, answer.data.get("balance"))

    def page(self, reply: Reply) -> port.ActivePage:
        answer = self._answer(reply)
        data = answer.data
        rows = data.get("orders") if isinstance(data, dict) else data
        if answer.status != DONE or not isinstance(rows, list):
            raise self._answer_fault(reply, answer)
        return port.ActivePage([self._row(reply, row) for row in rows], last=True)

    def _row(self, reply: Reply, row: object) -> port.ActiveRow:
        if not isinstance(row, dict) or (ref := fields.ref_of(row.get("orderId"))) is None:
            raise reply.unreadable(self.provider)
        return port.ActiveRow(
            ProviderRef(ref),
            _sms_in(row),
            _phone_in(row),
            fields.str_of(row.get("service")),
            fields.str_of(row.get("country")),
        )

    def _answer(self, reply: Reply) -> SmsPvaBody:
        """The status of the body, which the status of the reply must not contradict."""
        body = reply.exact_json()
        status = body.get("statusCode") if isinstance(body, dict) else None
        # The range is checked because an error names the status: a longer number could be a phone.
        if type(status) is not int or not 100 <= status < 600 or reply.status not in {status, DONE}:
            raise self._answer_fault(reply, SmsPvaBody(reply.status, None))
        return SmsPvaBody(status, body.get("data"))

    def _answer_fault(self, reply: Reply, answer: SmsPvaBody) -> ProviderError:
        if answer.status >= 500:
            return ProviderUnavailable(self.provider, f"status {answer.status}")
        if answer.status == TOO_MANY:
            return RateLimited(self.provider, reply.retry_after_s)
        if answer.status == UNAUTHORISED and not reply.body.startswith(b"<"):
            return ProviderRefused(self.provider, "status 401")
        return reply.unreadable(self.provider)


def _sms_in(data: object) -> tuple[port.Sms, ...]:
    sms = data.get("sms") if isinstance(data, dict) else None
    rows = fields.objects_in(sms if isinstance(sms, list) else [sms])
    return fields.several_sms((row.get("code"), row.get("fullText"), None) for row in rows)


def _phone_in(data: dict[str, Any]) -> str | None:
    """The number comes without its country code; that comes beside it, as `+7` or as `RU`."""
    local, code = fields.phone_of(data.get("phoneNumber")), data.get("countryCode")
    digits = code.removeprefix("+") if isinstance(code, str) else ""
    if local is None or not digits.isdecimal() or not digits.isascii():
        return local
    return digits + local


class SmsPvaAccount(ProviderAccount):
    """One account at SMSPVA; its long rentals are at another host."""

    def __init__(self, config: ProviderConfig, context: ProviderContext) -> None:
        endpoint = Endpoint(
            base_url=config.base_url.rstrip("/") + "/activation",
            headers={"apikey": config.api_key},
            answer_statuses=ANSWER_STATUSES,
        )
        replies = SmsPvaReplies(config)
        super().__init__(config, context, endpoint, ROUTES, replies)
        self._rentals_http = RentalTransport(config, context)

    @property
    def rentals_http(self) -> Transport:
        return self._rentals_http

    async def close(self) -> None:
        await super().close()
        await self._rentals_http.close()
