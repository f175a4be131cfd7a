"""SMSPVA's rentals: an old script beside the second version, `{status: 1 or 0, data, msg}`.

Its refusals are sentences, of which few are documented; only what cannot be misread is read out of
them. A number is switched on before an SMS is expected, and says then whether it is on.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from worker.adapters.providers.config import ProviderConfig
from worker.adapters.providers.rental_account import (
    DAY,
    NO_BALANCE,
    NOT_POSSIBLE,
    RentalAccount,
    Told,
    all_sms,
    unix_of,
)
from worker.adapters.providers.reply import (
    Reply,
    exact_json_of,
    is_answer,
    is_success,
    phone_of,
    ref_of,
    unreadable,
)
from worker.adapters.providers.transport import (
    LIST_CAP,
    Address,
    Operation,
    Surroundings,
    Transport,
    escaped,
)
from worker.domain.ids import ProviderRef
from worker.ports.errors import ProviderError, ProviderRefused
from worker.ports.long_rental import (
    Availability,
    CloseReply,
    Ended,
    Messages,
    MessagesReply,
    NotClosed,
    Prolonged,
    ProlongReply,
    RentalRequest,
    RentalTerms,
    only,
)
from worker.ports.provider import Circuit, NoRent, NotKnown, Refusal, Rented

HOST: Final = "api.smspva.com"
RENTAL_HOST: Final = "smspva.com"
PATH: Final = "?method="
#: Each with how many of it can be had at once; the longest that fits is asked for.
UNITS: Final = {"month": (30 * DAY, 12), "week": (7 * DAY, 51), "day": (DAY, 6)}
PERIODS: Final = {
    unit * count: f"dtype={name}&dcount={count}"
    for name, (unit, most) in reversed(UNITS.items())
    for count in range(1, most + 1)
}
TERMS: Final = RentalTerms(
    lengths=only(*PERIODS), prolongs=True, gives_expiry=True, tells_outage=True
)

#: What `state` of an order says. 0 and 2 are off and being switched on: no word on an outage.
STATES: Final = {1: Availability.UP, -1: Availability.DOWN}
OFF: Final = 0

BAD_KEY: Final = re.compile(r"\bapi ?key\b", re.IGNORECASE)
NO_MONEY: Final = re.compile(r"\b(balance|funds|money)\b", re.IGNORECASE)
NO_NUMBERS: Final = re.compile(r"\bno (free )?numbers?\b", re.IGNORECASE)
NOT_FOUND: Final = re.compile(r"\border not found\b", re.IGNORECASE)
CLOSED: Final = re.compile(r"\border is closed\b", re.IGNORECASE)


class SmsPvaRentalReplies:
    """Reads what SMSPVA says of rentals. Raises `ProviderError` only."""

    def __init__(self, provider: str) -> None:
        self.provider = provider

    def opened(self, reply: Reply) -> Rented | NoRent:
        done, data, words = self._said(reply)
        if not done:
            if NO_NUMBERS.search(words):
                return NoRent.NO_NUMBERS
            # Status 0 is a certain no, whatever the sentence beside it.
            return NoRent.NO_BALANCE if NO_MONEY.search(words) else NoRent.BAD_REQUEST
        row = data[0] if isinstance(data, list) and len(data) == 1 else data
        ref = ref_of(row.get("id")) if isinstance(row, dict) else None
        phone = _phone_in(row) if isinstance(row, dict) else None
        if ref is None or phone is None:
            raise unreadable(self.provider, reply)
        return Rented(ProviderRef(ref), phone, expires_at=unix_of(row.get("until")))

    def messages(self, reply: Reply) -> MessagesReply:
        done, data, words = self._said(reply)
        rows = data.get("SmsList") if isinstance(data, dict) else None
        if done and isinstance(rows, list):
            told = [row for row in rows if isinstance(row, dict)]
            return Messages(
                all_sms(
                    Told(None, row.get("text"), row.get("date"), unix_of(row.get("date")))
                    for row in told
                )
            )
        if not done and NOT_FOUND.search(words):
            return NotKnown()
        if not done and CLOSED.search(words):
            return Ended()
        raise unreadable(self.provider, reply)

    def state(self, reply: Reply, ref: ProviderRef) -> int | None:
        """The `state` of one order; None where the list does not have it."""
        done, data, _ = self._said(reply)
        if not done or not isinstance(data, list):
            raise unreadable(self.provider, reply)
        for row in data:
            if not isinstance(row, dict) or (found := ref_of(row.get("id"))) is None:
                raise unreadable(self.provider, reply)
            if found == ref:
                return int(row["state"])
        return None

    def switched_on(self, reply: Reply) -> Availability:
        done, _, words = self._said(reply)
        if not done and NOT_FOUND.search(words):
            return Availability.NOT_KNOWN
        if not done and CLOSED.search(words):
            return Availability.ENDED
        return Availability.NOT_TOLD  # It takes a while; the next look at the list tells.

    def prolonged(self, reply: Reply) -> ProlongReply:
        done, _, words = self._said(reply)
        if done:
            return Prolonged()
        if NOT_FOUND.search(words):
            return NotKnown()
        return NO_BALANCE if NO_MONEY.search(words) else NOT_POSSIBLE

    def ended(self, reply: Reply) -> CloseReply:
        done, _, words = self._said(reply)
        if done or CLOSED.search(words):
            return Ended()
        if NOT_FOUND.search(words):
            return NotKnown()
        return NotClosed(Refusal.UNCLEAR)

    def _said(self, reply: Reply) -> tuple[bool, Any, str]:
        body = exact_json_of(reply) if is_answer(reply) else None
        if not isinstance(body, dict):
            raise self._fault(reply)
        words = body.get("msg")
        words = words if isinstance(words, str) else ""
        match body.get("status"):
            case 1 | "1" if is_success(reply):
                return True, body.get("data"), words
            case 0 | "0" if not BAD_KEY.search(words):
                return False, None, words
            case 0 | "0":
                raise ProviderRefused(self.provider, "bad key")
            case _:
                raise self._fault(reply)

    def _fault(self, reply: Reply) -> ProviderError:
        if reply.status == 401 and not reply.body.startswith(b"<"):
            return ProviderRefused(self.provider, "HTTP 401")
        return unreadable(self.provider, reply)


def _phone_in(row: Mapping[str, Any]) -> str | None:
    """The number comes without its country code, which is beside it, as `+7`; or it is whole."""
    local, code = phone_of(row.get("pnumber")), row.get("ccode")
    digits = code.removeprefix("+") if isinstance(code, str) else ""
    if local is None or not digits.isdecimal() or str(row.get("pnumber")).startswith("+"):
        return local
    return digits + local


def where_rentals_are(base_url: str) -> str:
    """SMSPVA's own other host; behind any other address, a proxy's, the key goes nowhere else."""
    parts = urlsplit(base_url)
    host = RENTAL_HOST if parts.netloc == HOST else parts.netloc
    return parts._replace(netloc=host).geturl().rstrip("/")


class RentalDoor(Transport):
    """Another host with another place for the key: connections and a circuit of its own."""

    def __init__(self, config: ProviderConfig, surroundings: Surroundings) -> None:
        address = Address(
            base_url=where_rentals_are(config.base_url) + "/api/rent.php",
            key_suffix=f"&apikey={escaped(config.api_key)}",
        )
        super().__init__(config.name, address, surroundings, max_in_flight=config.max_in_flight)

    def _circuit_changed(self, circuit: Circuit) -> None:
        """The provider's circuit in the metrics is the one of its activations."""


class SmsPvaRentals(RentalAccount[SmsPvaRentalReplies]):
    """Those of one account at SMSPVA."""

    def __init__(self, config: ProviderConfig, http: Transport) -> None:
        super().__init__(http, TERMS, SmsPvaRentalReplies(config.name))

    def _to_open(self, request: RentalRequest) -> str:
        return (
            f"{PATH}create&country={escaped(request.country)}&service={escaped(request.service)}"
            f"&{PERIODS[request.length]}"
        )

    def _to_read(self, ref: ProviderRef) -> str:
        return f"{PATH}sms&id={escaped(ref)}"

    async def available(self, ref: ProviderRef) -> Availability:
        state = await self._http.call(
            Operation.RENTAL_READ,
            f"{PATH}orders",
            lambda reply: self._read.state(reply, ref),
            cap=LIST_CAP,
        )
        if state is None:
            await self._http.pay_more()
            return await super().available(ref)  # Absence from a list proves nothing.
        if state != OFF:
            return STATES.get(state, Availability.NOT_TOLD)
        await self._http.pay_more()
        target = f"{PATH}activate&id={escaped(ref)}"
        return await self._http.call(Operation.RENTAL_READ, target, self._read.switched_on)

    async def _prolong(self, ref: ProviderRef, by: timedelta) -> ProlongReply:
        target = f"{PATH}prolong&id={escaped(ref)}&{PERIODS[by]}"
        return await self._http.call(Operation.RENTAL_PROLONG, target, self._read.prolonged)

    async def close(self, ref: ProviderRef) -> CloseReply:
        target = f"{PATH}delete&id={escaped(ref)}"
        return await self._http.call(Operation.RENTAL_CLOSE, target, self._read.ended)
