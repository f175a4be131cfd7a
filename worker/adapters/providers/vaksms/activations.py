"""vak-sms: small JSON objects, `{error: word}` for what went wrong, also with 200."""

from typing import Any, Final

from worker.adapters.providers import fields
from worker.adapters.providers.family import (
    ObjectReplies,
    OperationRoute,
    OperationTable,
    ProviderAccount,
    ProviderConfig,
)
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.transport import Endpoint, ProviderContext, escaped
from worker.domain.price_fate import PriceFate
from worker.ports import provider as port
from worker.ports.errors import ProviderError, ProviderRefused
from worker.ports.reporter import Operation

PRICE_LIMIT: Final = "maxPrice={price}&"
END: Final = OperationRoute("/setStatus/?idNum={ref}&status=end&")
#: The parameter `all` makes the answer a list of all codes, whatever its value.
READ: Final = OperationRoute("/getSmsCode/?idNum={ref}&all=1&")
ROUTES: Final[OperationTable] = {
    Operation.RENT: OperationRoute(
        "/getNumber/?service={service}&country={country}&", price_limit=PRICE_LIMIT
    ),
    Operation.LOOK: READ,
    Operation.CANCEL: END,
    Operation.FINISH: END,
    Operation.ASK_AGAIN: OperationRoute("/setStatus/?idNum={ref}&status=send&"),
    Operation.BALANCE: OperationRoute("/getBalance/?"),
}

DONE: Final = frozenset({"ready", "update"})
RECEIVED: Final = "smsReceived"  #: An SMS has arrived.
COMING: Final = "waitSMS"  #: An SMS is on its way.
NOT_KNOWN: Final = "idNumNotFound"
BAD_STATUS: Final = "badStatus"
REFUSED: Final = frozenset({"apiKeyNotFound"})
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

    def look(self, reply: Reply) -> port.Observation:
        body = self._body(reply)
        if _word(body, "error") == NOT_KNOWN:
            return port.NotKnown()
        if not reply.is_success or "smsCode" not in body or "error" in body:
            raise self._fault(reply, body)
        codes = body["smsCode"]
        rows = codes if isinstance(codes, list) else [codes]
        if sms := fields.several_sms((code, None, None) for code in rows):
            return port.CodesArrived(sms)
        if codes is None or codes == []:
            return port.Waiting()
        raise reply.unreadable(self.provider)

    def cancel(self, reply: Reply) -> port.CancelReply:
        body = self._body(reply)
        status = _word(body, "status")
        if reply.is_success and status in DONE and "error" not in body:
            return port.Ended(PriceFate.GIVEN_BACK)
        if status == RECEIVED:
            return port.Refused(port.Refusal.CODE_ARRIVED)
        if status == COMING or _word(body, "error") in {NOT_KNOWN, BAD_STATUS}:
            return port.Refused(port.Refusal.UNCLEAR)
        raise self._fault(reply, body)

    def finish(self, reply: Reply) -> port.Ended | None:
        """Ending a number with an SMS is refused as received: that is its ending."""
        body = self._body(reply)
        status = _word(body, "status")
        if reply.is_success and (status in DONE or status == RECEIVED) and "error" not in body:
            return port.Ended(PriceFate.KEPT)
        if status == COMING or _word(body, "error") in {NOT_KNOWN, BAD_STATUS}:
            return None
        raise self._fault(reply, body)

    def ask_again(self, reply: Reply) -> bool:
        body = self._body(reply)
        status = _word(body, "status")
        if reply.is_success and status in DONE and "error" not in body:
            return True
        if status in {RECEIVED, COMING} or _word(body, "error") in {NOT_KNOWN, BAD_STATUS}:
            return False
        raise self._fault(reply, body)

    def rent(self, reply: Reply) -> port.Rented | port.NoRent:
        body = self._body(reply)
        if reply.is_success and "idNum" in body:
            return self._rented(reply, body["idNum"], fields.phone_of(body.get("tel")))
        error = _word(body, "error")
        why = NO_RENT.get(error)
        if why is None:
            raise self._fault(reply, body)
        return why

    def _fault(self, reply: Reply, body: dict[str, Any]) -> ProviderError:
        error = _word(body, "error")
        if error in REFUSED:
            return ProviderRefused(self.provider, error)
        if reply.is_unauthorised:
            return ProviderRefused(self.provider, "HTTP 401")
        return reply.unreadable(self.provider)


def _word(body: dict[str, Any], key: str) -> str:
    word = body.get(key)
    return word if isinstance(word, str) else ""


class VakSmsAccount(ProviderAccount):
    """One account at vak-sms."""

    def __init__(self, config: ProviderConfig, context: ProviderContext) -> None:
        endpoint = Endpoint(
            base_url=config.base_url.rstrip("/") + "/api",
            key_suffix=f"apiKey={escaped(config.api_key)}",
        )
        replies = VakSmsReplies(config.name, config.currency)
        super().__init__(config, context, endpoint, ROUTES, replies)
