"""vak-sms: small JSON objects, `{error: word}` for what went wrong, also with 200."""

from typing import Any, Final

from worker.adapters.providers.account import Account
from worker.adapters.providers.amounts import left_minor, major
from worker.adapters.providers.config import ProviderConfig
from worker.adapters.providers.reply import (
    Reply,
    exact_json_of,
    is_answer,
    is_success,
    phone_of,
    ref_of,
    several_sms,
    unreadable,
)
from worker.adapters.providers.transport import Address, Operation, Surroundings, escaped
from worker.domain.ids import ProviderRef
from worker.ports.errors import ProviderError, ProviderRefused
from worker.ports.provider import (
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
    Waiting,
)

DONE: Final = frozenset({"ready", "update"})
RECEIVED: Final = "smsReceived"  #: An SMS is there.
COMING: Final = "waitSMS"  #: An SMS is on its way.
NOT_KNOWN: Final = "idNumNotFound"
BAD_STATUS: Final = "badStatus"
REFUSED: Final = frozenset({"apiKeyNotFound"})
NO_RENT: Final = {
    "noNumber": NoRent.NO_NUMBERS,
    "noMoney": NoRent.NO_BALANCE,
    "noService": NoRent.BAD_REQUEST,
    "noCountry": NoRent.BAD_REQUEST,
    "noOperator": NoRent.BAD_REQUEST,
    "badService": NoRent.BAD_REQUEST,
    "badData": NoRent.BAD_REQUEST,
}


class VakSmsReplies:
    """Reads what vak-sms says. Raises `ProviderError` only."""

    def __init__(self, provider: str, currency: str) -> None:
        self.provider = provider
        self.currency = currency

    def look(self, reply: Reply) -> Observation:
        body = self._body(reply)
        if _word(body, "error") == NOT_KNOWN:
            return NotKnown()
        if not is_success(reply) or "smsCode" not in body or "error" in body:
            raise self._fault(reply, body)
        codes = body["smsCode"]
        rows = codes if isinstance(codes, list) else [codes]
        if sms := several_sms((code, None, None) for code in rows):
            return CodesArrived(sms)
        if codes is None or codes == []:
            return Waiting()
        raise unreadable(self.provider, reply)

    def cancel(self, reply: Reply) -> CancelReply:
        body = self._body(reply)
        status = _word(body, "status")
        if is_success(reply) and status in DONE and "error" not in body:
            return Cancelled()
        if status == RECEIVED:
            return Refused(Refusal.CODE_ARRIVED)
        if status == COMING or _word(body, "error") in {NOT_KNOWN, BAD_STATUS}:
            return Refused(Refusal.UNCLEAR)
        raise self._fault(reply, body)

    def finish(self, reply: Reply) -> Finished | None:
        """Ending a number with an SMS is refused as received: that is its ending."""
        body = self._body(reply)
        status = _word(body, "status")
        if is_success(reply) and (status in DONE or status == RECEIVED) and "error" not in body:
            return Finished()
        if status == COMING or _word(body, "error") in {NOT_KNOWN, BAD_STATUS}:
            return None
        raise self._fault(reply, body)

    def ask_again(self, reply: Reply) -> bool:
        body = self._body(reply)
        status = _word(body, "status")
        if is_success(reply) and status in DONE and "error" not in body:
            return True
        if status in {RECEIVED, COMING} or _word(body, "error") in {NOT_KNOWN, BAD_STATUS}:
            return False
        raise self._fault(reply, body)

    def rent(self, reply: Reply) -> Rented | NoRent:
        body = self._body(reply)
        if is_success(reply) and "idNum" in body:
            ref, phone = ref_of(body["idNum"]), phone_of(body.get("tel"))
            if ref is None or phone is None:
                raise unreadable(self.provider, reply)
            return Rented(ProviderRef(ref), phone)
        error = _word(body, "error")
        why = NO_RENT.get(error)
        if why is None:
            raise self._fault(reply, body)
        return why

    def balance(self, reply: Reply) -> Balance:
        body = self._body(reply)
        left = left_minor(body.get("balance"), self.currency) if is_success(reply) else None
        if left is None:
            raise self._fault(reply, body)
        return Balance(left, self.currency)

    def _body(self, reply: Reply) -> dict[str, Any]:
        body = exact_json_of(reply) if is_answer(reply) else None
        if not isinstance(body, dict):
            raise self._fault(reply, {})
        return body

    def _fault(self, reply: Reply, body: dict[str, Any]) -> ProviderError:
        error = _word(body, "error")
        if error in REFUSED:
            return ProviderRefused(self.provider, error)
        if reply.status == 401 and not reply.body.startswith(b"<"):
            return ProviderRefused(self.provider, "HTTP 401")
        return unreadable(self.provider, reply)


def _word(body: dict[str, Any], key: str) -> str:
    word = body.get(key)
    return word if isinstance(word, str) else ""


class VakSms(Account):
    """One account at vak-sms."""

    def __init__(self, config: ProviderConfig, surroundings: Surroundings) -> None:
        self._read = VakSmsReplies(config.name, config.currency)
        address = Address(
            base_url=config.base_url.rstrip("/") + "/api",
            key_suffix=f"apiKey={escaped(config.api_key)}",
        )
        super().__init__(config, address, surroundings, Capabilities())

    async def rent(self, request: RentRequest) -> Rented | NoRent:
        target = (
            f"/getNumber/?service={escaped(request.service)}&country={escaped(request.country)}&"
        )
        if request.max_cost_minor is not None:
            target += f"maxPrice={major(request.max_cost_minor, self._currency)}&"
        return await self._http.call(Operation.RENT, target, self._read.rent)

    async def look(self, ref: ProviderRef) -> Observation:
        # That `all` is there, not what it says, makes the answer a list of all codes.
        target = f"/getSmsCode/?idNum={escaped(ref)}&all=1&"
        return await self._http.call(Operation.LOOK, target, self._read.look)

    async def cancel(self, ref: ProviderRef) -> CancelReply:
        target = f"/setStatus/?idNum={escaped(ref)}&status=end&"
        return await self._http.call(Operation.CANCEL, target, self._read.cancel)

    async def finish(self, ref: ProviderRef) -> Observation:
        target = f"/setStatus/?idNum={escaped(ref)}&status=end&"
        finished = await self._http.call(Operation.FINISH, target, self._read.finish)
        return finished or await self.look_too(ref)

    async def ask_again(self, ref: ProviderRef) -> bool:
        target = f"/setStatus/?idNum={escaped(ref)}&status=send&"
        return await self._http.call(Operation.ASK_AGAIN, target, self._read.ask_again)

    async def balance(self) -> Balance:
        return await self._http.call_patiently(
            Operation.BALANCE, "/getBalance/?", self._read.balance
        )
