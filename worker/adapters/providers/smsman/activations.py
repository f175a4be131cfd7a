"""sms-man, second version: JSON in which waiting looks like an error."""

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
    sms_of,
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

PATH: Final = "/control"  #: Of activations.

WAITING: Final = "wait_sms"
NOT_KNOWN: Final = frozenset({"sms_not_found", "no_sms"})
REFUSED: Final = frozenset({"wrong_token", "bad_token"})
NO_RENT: Final = {
    "no_free_phones": NoRent.NO_NUMBERS,
    "not_enough_balance": NoRent.NO_BALANCE,
    "wrong_application_id": NoRent.BAD_REQUEST,
    "wrong_country_id": NoRent.BAD_REQUEST,
}


class SmsManReplies:
    """Reads what sms-man says. Raises `ProviderError` only."""

    def __init__(self, provider: str, currency: str) -> None:
        self.provider = provider
        self.currency = currency

    def look(self, reply: Reply) -> Observation:
        body = self._body(reply)
        error = body.get("error_code")
        if is_success(reply) and not error and (sms := sms_of(body.get("sms_code"))):
            return CodesArrived((sms,))
        if error == WAITING:
            return Waiting()
        if isinstance(error, str) and error in NOT_KNOWN:
            return NotKnown()
        raise self._fault(reply, body)

    def cancel(self, reply: Reply) -> CancelReply:
        body = self._body(reply)
        if self._succeeded(reply, body):
            return Cancelled()
        if self._refused(body):
            return Refused(Refusal.UNCLEAR)
        raise self._fault(reply, body)

    def finish(self, reply: Reply) -> Finished | None:
        body = self._body(reply)
        if self._succeeded(reply, body):
            return Finished()
        if self._refused(body):
            return None
        raise self._fault(reply, body)

    def ask_again(self, reply: Reply) -> bool:
        body = self._body(reply)
        if self._succeeded(reply, body):
            return True
        if self._refused(body):
            return False
        raise self._fault(reply, body)

    def rent(self, reply: Reply) -> Rented | NoRent:
        body = self._body(reply)
        error = body.get("error_code")
        if is_success(reply) and not error and "request_id" in body:
            ref, phone = ref_of(body["request_id"]), phone_of(body.get("number"))
            if ref is None or phone is None:
                raise unreadable(self.provider, reply)
            return Rented(ProviderRef(ref), phone)
        why = NO_RENT.get(error) if isinstance(error, str) else None
        if why is None:
            raise self._fault(reply, body)
        return why

    def balance(self, reply: Reply) -> Balance:
        body = self._body(reply)
        left = left_minor(body.get("balance"), self.currency) if is_success(reply) else None
        if left is None:
            raise self._fault(reply, body)
        return Balance(left, self.currency)

    def _succeeded(self, reply: Reply, body: dict[str, Any]) -> bool:
        return is_success(reply) and body.get("success") is True and not body.get("error_code")

    def _refused(self, body: dict[str, Any]) -> bool:
        """A no about this number: which words it comes in is documented for few."""
        error = body.get("error_code")
        return body.get("success") is False and isinstance(error, str) and error not in REFUSED

    def _body(self, reply: Reply) -> dict[str, Any]:
        body = exact_json_of(reply) if is_answer(reply) else None
        if not isinstance(body, dict):
            raise self._fault(reply, {})
        return body

    def _fault(self, reply: Reply, body: dict[str, Any]) -> ProviderError:
        error, message = body.get("error_code"), body.get("error_msg")
        by_word = isinstance(error, str) and error in REFUSED
        if by_word or (isinstance(message, dict) and "token" in message):
            return ProviderRefused(self.provider, "wrong token")
        if reply.status == 401 and not reply.body.startswith(b"<"):
            return ProviderRefused(self.provider, "HTTP 401")
        return unreadable(self.provider, reply)


class SmsMan(Account):
    """One account at sms-man."""

    def __init__(self, config: ProviderConfig, surroundings: Surroundings) -> None:
        self._read = SmsManReplies(config.name, config.currency)
        address = Address(
            base_url=config.base_url.rstrip("/"),
            key_suffix=f"token={escaped(config.api_key)}",
        )
        super().__init__(config, address, surroundings, Capabilities())

    async def rent(self, request: RentRequest) -> Rented | NoRent:
        target = (
            f"{PATH}/get-number?country_id={escaped(request.country)}"
            f"&application_id={escaped(request.service)}&"
        )
        if request.max_cost_minor is not None:
            price = major(request.max_cost_minor, self._currency)
            target += f"maxPrice={price}&currency={self._currency}&"
        return await self._http.call(Operation.RENT, target, self._read.rent)

    async def look(self, ref: ProviderRef) -> Observation:
        target = f"{PATH}/get-sms?request_id={escaped(ref)}&"
        return await self._http.call(Operation.LOOK, target, self._read.look)

    async def cancel(self, ref: ProviderRef) -> CancelReply:
        target = self._status(ref, "reject")
        return await self._http.call(Operation.CANCEL, target, self._read.cancel)

    async def finish(self, ref: ProviderRef) -> Observation:
        target = self._status(ref, "close")
        finished = await self._http.call(Operation.FINISH, target, self._read.finish)
        return finished or await self.look_too(ref)

    async def ask_again(self, ref: ProviderRef) -> bool:
        target = self._status(ref, "retrysms")
        return await self._http.call(Operation.ASK_AGAIN, target, self._read.ask_again)

    async def balance(self) -> Balance:
        return await self._http.call_patiently(
            Operation.BALANCE, f"{PATH}/get-balance?", self._read.balance
        )

    def _status(self, ref: ProviderRef, status: str) -> str:
        return f"{PATH}/set-status?request_id={escaped(ref)}&status={status}&"
