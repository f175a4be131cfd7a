"""sms-man, second version: JSON in which waiting looks like an error."""

from typing import Final

from worker.adapters.providers import fields
from worker.adapters.providers.family import (
    FaultWords,
    ObjectReplies,
    OperationRoute,
    OperationTable,
    ProviderAccount,
    ProviderConfig,
)
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.transport import ProviderContext, escaped
from worker.adapters.providers.wire import Endpoint
from worker.ports import provider as port
from worker.ports.errors import ProviderError, ProviderRefused
from worker.ports.reporter import Operation

PATH: Final = "/control"  #: Of activations.
SET_STATUS: Final = PATH + "/set-status?request_id={ref}&status="
ROUTES: Final[OperationTable] = {
    Operation.RENT: OperationRoute(
        PATH + "/get-number?country_id={country}&application_id={service}&",
        price_limit="maxPrice={price}&currency={currency}&",
    ),
    Operation.LOOK: OperationRoute(PATH + "/get-sms?request_id={ref}&"),
    Operation.CANCEL: OperationRoute(SET_STATUS + "reject&"),
    Operation.FINISH: OperationRoute(SET_STATUS + "close&"),
    Operation.ASK_AGAIN: OperationRoute(SET_STATUS + "retrysms&"),
    Operation.BALANCE: OperationRoute(PATH + "/get-balance?"),
}

WAITING: Final = "wait_sms"
REFUSED: Final = frozenset({"wrong_token", "bad_token"})
NO_RENT: Final = {
    "no_free_phones": port.NoRent.NO_NUMBERS,
    "not_enough_balance": port.NoRent.NO_BALANCE,
    "wrong_application_id": port.NoRent.BAD_REQUEST,
    "wrong_country_id": port.NoRent.BAD_REQUEST,
}


class SmsManReplies(ObjectReplies):
    """Reads the replies of sms-man. Raises `ProviderError` only."""

    error_key = "error_code"
    fault_words = FaultWords(refused=REFUSED)
    not_known = frozenset({"sms_not_found", "no_sms"})
    no_rent = NO_RENT

    def look(self, reply: Reply) -> port.Observation:
        body = self._body(reply)
        error = body.get("error_code")
        if reply.is_success and not error and (sms := fields.sms_of(body.get("sms_code"))):
            return port.CodesArrived((sms,))
        if error == WAITING:
            return port.Waiting()
        return self._not_known(reply)

    def changed(self, reply: Reply) -> port.Refusal | None:
        """A no is about this number: which words it comes in is documented for few."""
        body = self._body(reply)
        error = body.get("error_code")
        if reply.is_success and body.get("success") is True and not error:
            return None
        if body.get("success") is False and isinstance(error, str) and error not in REFUSED:
            return port.Refusal.UNCLEAR
        raise self._fault(reply)

    def rent(self, reply: Reply) -> port.Rented | port.NoRent:
        body = self._body(reply)
        if reply.is_success and not body.get("error_code") and "request_id" in body:
            return self._rented(reply, body["request_id"], fields.phone_of(body.get("number")))
        return self._not_rented(reply)

    def _fault(self, reply: Reply) -> ProviderError:
        body = reply.json() if reply.is_answer else None
        message = body.get("error_msg") if isinstance(body, dict) else None
        if isinstance(message, dict) and "token" in message:
            return ProviderRefused(self.provider, "wrong token")
        return super()._fault(reply)


class SmsManAccount(ProviderAccount):
    """One account at sms-man."""

    def __init__(self, config: ProviderConfig, context: ProviderContext) -> None:
        endpoint = Endpoint(
            base_url=config.base_url.rstrip("/"), key_suffix=f"token={escaped(config.api_key)}"
        )
        replies = SmsManReplies(config)
        super().__init__(config, context, endpoint, ROUTES, replies)
