"""SMSPVA's rentals: an old script beside the second version, `{status: 1 or 0, data, msg}`.

Its refusals are sentences, few of them documented, so only unmistakable words are matched. An SMS
reaches a number only while it is switched on, for ten to thirty minutes: it is switched on once it
is bought, and again by whoever looks for its SMS. Its state in the list shows whether it is on.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from worker.adapters.providers import fields
from worker.adapters.providers.family import OperationRoute, OperationTable, ProviderConfig
from worker.adapters.providers.rental_account import (
    DAY,
    FamilyRentals,
    RentalAccount,
    RentalReplies,
    tried,
)
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.transport import (
    LIST_CAP,
    ProviderContext,
    Transport,
    escaped,
)
from worker.adapters.providers.wire import Endpoint
from worker.domain.ids import ProviderRef
from worker.ports import long_rental as port
from worker.ports.errors import ProviderRefused
from worker.ports.provider import Circuit, Ended, NoRent, NotKnown, Refusal, Rented
from worker.ports.reporter import Operation

HOST: Final = "api.smspva.com"
RENTAL_HOST: Final = "smspva.com"
#: Each unit with the highest count of it that can be rented; the longest unit that fits is used.
UNITS: Final = {"month": (30 * DAY, 12), "week": (7 * DAY, 51), "day": (DAY, 6)}
PERIODS: Final = {
    unit * count: f"dtype={name}&dcount={count}"
    for name, (unit, most) in reversed(UNITS.items())
    for count in range(1, most + 1)
}
TERMS: Final = port.RentalTerms(
    lengths=port.only(*PERIODS), prolongs=True, gives_expiry=True, tells_outage=True
)

ROUTES: Final[OperationTable] = {
    Operation.RENTAL_OPEN: OperationRoute(
        "?method=create&country={country}&service={service}&{period}"
    ),
    Operation.RENTAL_READ: OperationRoute("?method=sms&id={ref}"),
    Operation.RENTAL_PROLONG: OperationRoute("?method=prolong&id={ref}&{period}"),
    Operation.RENTAL_CLOSE: OperationRoute("?method=delete&id={ref}"),
}
#: Beside reading its SMS, what shows whether a number works.
ORDERS: Final = "?method=orders"
SWITCH_ON: Final = "?method=activate&id={ref}"

#: The `state` of an order. 0 (off) and 2 (being switched on) say nothing about an outage.
STATES: Final = {1: port.Availability.UP, -1: port.Availability.DOWN}
OFF: Final = 0
CHECKED_FOR_S: Final = 60.0  #: Looks within it do not ask once more whether a number is on.
SWITCH_WITHIN_S: Final = 2.0  #: Whoever looks at the SMS waits for 3 s at most.

BAD_KEY: Final = re.compile(r"\bapi ?key\b", re.IGNORECASE)
NO_MONEY: Final = re.compile(r"\b(balance|funds|money)\b", re.IGNORECASE)
NO_NUMBERS: Final = re.compile(r"\bno (free )?numbers?\b", re.IGNORECASE)
NOT_FOUND: Final = re.compile(r"\border not found\b", re.IGNORECASE)
CLOSED: Final = re.compile(r"\border is closed\b", re.IGNORECASE)


class SmsPvaRentalReplies(RentalReplies):
    """Reads the replies of SMSPVA about rentals. Raises `ProviderError` only."""

    def opened(self, reply: Reply) -> Rented | NoRent:
        done, data, words = self._answer(reply)
        if not done:
            if NO_NUMBERS.search(words):
                return NoRent.NO_NUMBERS
            # Status 0 is a certain no, whatever the sentence beside it.
            return NoRent.NO_BALANCE if NO_MONEY.search(words) else NoRent.BAD_REQUEST
        row = data[0] if isinstance(data, list) and len(data) == 1 else data
        if not isinstance(row, dict):
            raise reply.unreadable(self.provider)
        rented = self._rented(reply, row.get("id"), _phone_in(row))
        return replace(rented, expires_at=fields.unix_of(row.get("until")))

    def messages(self, reply: Reply) -> port.MessagesReply:
        done, data, words = self._answer(reply)
        rows = data.get("SmsList") if isinstance(data, dict) else None
        if done and isinstance(rows, list):
            return port.Messages(
                fields.all_sms(
                    fields.RawSms(
                        None, row.get("text"), row.get("date"), fields.unix_of(row.get("date"))
                    )
                    for row in fields.objects_in(rows)
                )
            )
        if not done and NOT_FOUND.search(words):
            return NotKnown()
        if not done and CLOSED.search(words):
            return Ended()
        raise reply.unreadable(self.provider)

    def state(self, reply: Reply, ref: ProviderRef) -> int | None:
        """The `state` of one order; None where the list does not have it."""
        done, data, _ = self._answer(reply)
        if not done or not isinstance(data, list):
            raise reply.unreadable(self.provider)
        for row in data:
            if not isinstance(row, dict) or (order := fields.ref_of(row.get("id"))) is None:
                raise reply.unreadable(self.provider)
            if order == ref:
                return int(row["state"])
        return None

    def switched_on(self, reply: Reply) -> port.Availability:
        done, _, words = self._answer(reply)
        if not done and NOT_FOUND.search(words):
            return port.Availability.NOT_KNOWN
        if not done and CLOSED.search(words):
            return port.Availability.ENDED
        return port.Availability.NOT_TOLD  # It takes a while; the next look at the list shows it.

    def prolonged(self, reply: Reply) -> port.ProlongReply:
        done, _, words = self._answer(reply)
        if done:
            return port.Prolonged()
        if NOT_FOUND.search(words):
            return NotKnown()
        if NO_MONEY.search(words):
            return port.NotProlonged(port.NoProlong.NO_BALANCE)
        return port.NotProlonged(port.NoProlong.NOT_POSSIBLE)

    def ended(self, reply: Reply) -> port.CloseReply:
        done, _, words = self._answer(reply)
        if done or CLOSED.search(words):
            return Ended()
        if NOT_FOUND.search(words):
            return NotKnown()
        return port.NotClosed(Refusal.UNCLEAR)

    def _answer(self, reply: Reply) -> tuple[bool, Any, str]:
        """Whether it was done, the data, and the sentence that came with it."""
        body = reply.exact_json() if reply.is_answer else None
        if not isinstance(body, dict):
            raise self._fault(reply)
        words = body.get("msg")
        words = words if isinstance(words, str) else ""
        match body.get("status"):
            case 1 | "1" if reply.is_success:
                return True, body.get("data"), words
            case 0 | "0" if not BAD_KEY.search(words):
                return False, None, words
            case 0 | "0":
                raise ProviderRefused(self.provider, "bad key")
            case _:
                raise self._fault(reply)


def _phone_in(row: Mapping[str, Any]) -> str | None:
    """The number comes without its country code, which is beside it, as `+7`; or it is whole."""
    local, code = fields.phone_of(row.get("pnumber")), row.get("ccode")
    digits = code.removeprefix("+") if isinstance(code, str) else ""
    if local is None or not digits.isdecimal() or str(row.get("pnumber")).startswith("+"):
        return local
    return digits + local


def rental_base_url(base_url: str) -> str:
    """SMSPVA's other host. Behind any other address, a proxy's, the key is sent nowhere else."""
    parts = urlsplit(base_url)
    host = RENTAL_HOST if parts.netloc == HOST else parts.netloc
    return parts._replace(netloc=host).geturl().rstrip("/")


class RentalTransport(Transport):
    """Another host with another place for the key: connections and a circuit of its own."""

    def __init__(self, config: ProviderConfig, context: ProviderContext) -> None:
        endpoint = Endpoint(
            base_url=rental_base_url(config.base_url) + "/api/rent.php",
            key_suffix=f"&apikey={escaped(config.api_key)}",
        )
        super().__init__(config.name, endpoint, context, max_in_flight=config.max_in_flight)

    def _report_circuit(self, circuit: Circuit) -> None:
        """The circuit of a provider in the metrics is that of its activations."""


RENTALS: Final = FamilyRentals(
    TERMS, ROUTES, SmsPvaRentalReplies, words_of=lambda length: {"period": PERIODS[length]}
)


class SmsPvaRentals(RentalAccount):
    """The long rentals of one account at SMSPVA."""

    def __init__(self, config: ProviderConfig, http: Transport) -> None:
        super().__init__(RENTALS, config, http)
        self._orders = SmsPvaRentalReplies(config)
        self._checked: dict[ProviderRef, float] = {}  #: When each number was, within the last time.

    async def open(self, request: port.RentalRequest) -> Rented | NoRent:
        rented = await super().open(request)
        if isinstance(rented, Rented):
            await tried(self._switch_on(rented.ref), SWITCH_WITHIN_S)  # It is bought in any case.
        return rented

    async def messages(self, ref: ProviderRef) -> port.MessagesReply:
        if self._is_unchecked(ref):
            await tried(self._keep_on(ref), SWITCH_WITHIN_S)
            await self._http.pay_more()
        return await super().messages(ref)

    async def available(self, ref: ProviderRef) -> port.Availability:
        state = await self._state(ref)
        if state is None:
            await self._http.pay_more()
            return await super().available(ref)  # Absence from a list proves nothing.
        if state != OFF:
            return STATES.get(state, port.Availability.NOT_TOLD)
        return await self._switch_on(ref)

    async def _keep_on(self, ref: ProviderRef) -> None:
        if await self._state(ref) == OFF:
            await self._switch_on(ref)

    def _is_unchecked(self, ref: ProviderRef) -> bool:
        """Whether it is to be asked for now; what fails then is tried again a minute later."""
        now = self._http.monotonic()
        lately = {each: at for each, at in self._checked.items() if now - at < CHECKED_FOR_S}
        self._checked = {ref: now, **lately}
        return ref not in lately

    async def _state(self, ref: ProviderRef) -> int | None:
        return await self._http.call(
            Operation.RENTAL_READ,
            ORDERS,
            lambda reply: self._orders.state(reply, ref),
            cap=LIST_CAP,
        )

    async def _switch_on(self, ref: ProviderRef) -> port.Availability:
        await self._http.pay_more()
        target = SWITCH_ON.format(ref=escaped(ref))
        return await self._http.call(Operation.RENTAL_READ, target, self._orders.switched_on)
