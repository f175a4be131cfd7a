"""Rentals of onlinesim: by the day, for all services, in the same JSON."""

from dataclasses import replace
from typing import Any, Final

from worker.adapters.providers import fields
from worker.adapters.providers.family import (
    OperationRoute,
    OperationTable,
)
from worker.adapters.providers.onlinesim.activations import (
    TOO_EARLY,
    OnlineSimReplies,
    is_one,
)
from worker.adapters.providers.rental_account import DAY, FamilyRentals, RentalReplies
from worker.adapters.providers.reply import Reply
from worker.ports import long_rental
from worker.ports import provider as port
from worker.ports.reporter import Operation

TERMS: Final = long_rental.RentalTerms(
    lengths=long_rental.Lengths(DAY, DAY, 365 * DAY),
    prolongs=True,
    whole_number=True,
    gives_expiry=True,
)

ROUTES: Final[OperationTable] = {
    Operation.RENTAL_OPEN: OperationRoute("/rent/getRentNum.php?country={country}&days={days}"),
    Operation.RENTAL_READ: OperationRoute("/rent/getRentState.php?tzid={ref}&pagination=false"),
    Operation.RENTAL_PROLONG: OperationRoute("/rent/extendRentState.php?tzid={ref}&days={days}"),
    Operation.RENTAL_CLOSE: OperationRoute("/rent/closeRentNum.php?tzid={ref}"),
}

BAD_DAYS: Final = "UNDEFINED_DAYS"
NO_PROLONG: Final = {
    BAD_DAYS: long_rental.NoProlong.BAD_LENGTH,
    "WARNING_LOW_BALANCE": long_rental.NoProlong.NO_BALANCE,
    "LIFICYCLE_NUM_EXPIRED": long_rental.NoProlong.NOT_POSSIBLE,
}
TOO_SOON: Final = frozenset({TOO_EARLY, "TIME_INTERVAL_ERROR"})


class OnlineSimRentalReplies(OnlineSimReplies, RentalReplies):
    """Reads the replies of onlinesim about rentals. Raises `ProviderError` only."""

    no_prolong = NO_PROLONG

    def opened(self, reply: Reply) -> port.Rented | port.NoRent:
        body = reply.exact_json()
        row = body.get("item") if isinstance(body, dict) else None
        if reply.is_success and is_one(body) and isinstance(row, dict):
            rented = self._rented(reply, row.get("tzid"), _phone_in(row))
            return replace(rented, expires_in=fields.span_of(row.get("time")))
        bad_days = self._word(reply) == BAD_DAYS
        return port.NoRent.BAD_REQUEST if bad_days else self._not_rented(reply)

    def messages(self, reply: Reply) -> long_rental.MessagesReply:
        body = reply.exact_json()
        rows = body.get("list") if isinstance(body, dict) else None
        if reply.is_success and is_one(body) and isinstance(rows, list):
            return self._seen(reply, rows)
        return self._not_known(reply)

    def _seen(self, reply: Reply, rows: list[Any]) -> long_rental.MessagesReply:
        row = rows[0] if len(rows) == 1 and isinstance(rows[0], dict) else {}
        match row.get("status"):
            case 1:
                return _messages_in(row.get("messages"))
            case 0:
                return port.Ended()
            case _:
                raise reply.unreadable(self.provider)

    def prolonged(self, reply: Reply) -> long_rental.ProlongReply:
        body = reply.exact_json()
        if reply.is_success and is_one(body) and isinstance(body, dict):
            row = body.get("item")
            return long_rental.Prolonged(
                expires_in=fields.span_of(row.get("time") if isinstance(row, dict) else None)
            )
        return self._not_prolonged(reply)

    def ended(self, reply: Reply) -> long_rental.CloseReply:
        if reply.is_success and is_one(reply.json()):
            return port.Ended()
        if self._word(reply) in TOO_SOON:
            return long_rental.NotClosed(port.Refusal.EARLY)
        return self._not_known(reply)


def _messages_in(messages: object) -> long_rental.Messages:
    """The SMS of a rental: a list, or an object that holds a page of the list."""
    pages = messages if isinstance(messages, dict) else {}
    rows = pages.get("data", messages)
    if not isinstance(rows, list):
        return long_rental.Messages(complete=False)
    sms = fields.all_sms(
        fields.RawSms(row.get("code"), row.get("text"), row.get("created_at"))
        for row in fields.objects_in(rows)
    )
    total = pages.get("total")
    return long_rental.Messages(sms, complete=total is None or total == len(rows))


def _phone_in(row: dict[str, Any]) -> str | None:
    """The number comes without its country code, which is beside it."""
    local, country = fields.phone_of(row.get("number")), row.get("country")
    whole = local is None or str(row.get("number")).startswith("+") or type(country) is not int
    return local if whole else f"{country}{local}"


RENTALS: Final = FamilyRentals(TERMS, ROUTES, OnlineSimRentalReplies)
