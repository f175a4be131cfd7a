"""vak-sms: small JSON objects, `{error: word}` for what went wrong, also with 200."""

from typing import Final

from worker.adapters.providers import fields
from worker.adapters.providers.family import (
    FaultWords,
    ObjectReplies,
    OperationRoute,
    OperationTable,
    ProviderAccount,
    ProviderConfig,
    word_under,
)
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.transport import ProviderContext, escaped
from worker.adapters.providers.wire import Endpoint
from worker.domain.families import RentOption
from worker.domain.price_fate import PriceFate
from worker.ports import provider as port
from worker.ports.reporter import Operation

PRICE_LIMIT: Final = "maxPrice={price}&"
END: Final = OperationRoute("/setStatus/?idNum={ref}&status=end&")
#: The parameter `all` makes the answer a list of all codes, whatever its value.
READ: Final = OperationRoute("/getSmsCode/?idNum={ref}&all=1&")
ROUTES: Final[OperationTable] = {
    Operation.RENT: OperationRoute(
        "/getNumber/?service={service}&country={country}&",
        price_limit=PRICE_LIMIT,
        options={RentOption.OPERATOR: "operator={value}&"},
    ),
    Operation.LOOK: READ,
    Operation.CANCEL: END,
    Operation.FINISH: END,
    Operation.ASK_AGAIN: OperationRoute("/setStatus/?idNum={ref}&status=send&"),
    Operation.REPORT: OperationRoute("/setStatus/?idNum={ref}&status=bad&"),
    Operation.BALANCE: OperationRoute("/getBalance/?"),
}

DONE: Final = frozenset({"ready", "update"})
RECEIVED: Final = "smsReceived"  #: An SMS has arrived.
COMING: Final = "waitSMS"  #: An SMS is on its way.
NOT_KNOWN: Final = "idNumNotFound"
BAD_STATUS: Final = "badStatus"
NO_RENT: Final = {
    "noNumber": port.NoRent.NO_NUMBERS,
    "noMoney": port.NoRent.NO_BALANCE,
    "noService": port.NoRent.BAD_REQUEST,
    "noCountry": port.NoRent.BAD_REQUEST,
    "noOperator": port.NoRent.BAD_REQUEST,
    "badService": port.NoRent.BAD_REQUEST,
    "badData": port.NoRent.BAD_REQUEST,
}


class VakSmsReplies(ObjectReplies):
    """Reads the replies of vak-sms. Raises `ProviderError` only."""

    error_key = "error"
    fault_words = FaultWords(refused=frozenset({"apiKeyNotFound"}))
    no_rent = NO_RENT

    def look(self, reply: Reply) -> port.Observation:
        body = self._body(reply)
        if word_under(body, "error") == NOT_KNOWN:
            return port.NotKnown()
        if not reply.is_success or "smsCode" not in body or "error" in body:
            raise self._fault(reply)
        codes = body["smsCode"]
        rows = codes if isinstance(codes, list) else [codes]
        if sms := fields.several_sms((code, None, None) for code in rows):
            return port.CodesArrived(sms)
        if codes is None or codes == []:
            return port.Waiting()
        raise reply.unreadable(self.provider)

    def changed(self, reply: Reply) -> port.Refusal | None:
        body = self._body(reply)
        status = word_under(body, "status")
        if reply.is_success and status in DONE and "error" not in body:
            return None
        if status == RECEIVED:
            return port.Refusal.CODE_ARRIVED
        if status == COMING or word_under(body, "error") in {NOT_KNOWN, BAD_STATUS}:
            return port.Refusal.UNCLEAR
        raise self._fault(reply)

    def finish(self, reply: Reply) -> port.Observation | None:
        """Ending a number with an SMS is refused as received: that is its ending."""
        why = self.changed(reply)
        received = why is port.Refusal.CODE_ARRIVED and reply.is_success
        return port.Ended(PriceFate.KEPT) if why is None or received else None

    def rent(self, reply: Reply) -> port.Rented | port.NoRent:
        body = self._body(reply)
        if reply.is_success and "idNum" in body:
            return self._rented(reply, body["idNum"], fields.phone_of(body.get("tel")))
        return self._not_rented(reply)


class VakSmsAccount(ProviderAccount):
    """One account at vak-sms."""

    def __init__(self, config: ProviderConfig, context: ProviderContext) -> None:
        endpoint = Endpoint(
            base_url=config.base_url.rstrip("/") + "/api",
            key_suffix=f"apiKey={escaped(config.api_key)}",
        )
        replies = VakSmsReplies(config)
        super().__init__(config, context, endpoint, ROUTES, replies)
