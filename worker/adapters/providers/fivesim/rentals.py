"""5sim's "hosting": orders named by their length, for all services, read as activations."""

from typing import Any, Final

from worker.adapters.providers import fields
from worker.adapters.providers.family import (
    OperationRoute,
    OperationTable,
)
from worker.adapters.providers.fivesim.activations import FiveSimReplies
from worker.adapters.providers.fivesim.history import CHARGED, GIVEN_BACK, LIVE
from worker.adapters.providers.rental_account import (
    DAY,
    HOUR,
    CloseAttempt,
    CloseFollowUp,
    FamilyRentals,
    RentalReplies,
)
from worker.adapters.providers.reply import Reply
from worker.domain.price_fate import PriceFate
from worker.ports import long_rental
from worker.ports import provider as port
from worker.ports.reporter import Operation

NAMES: Final = {3 * HOUR: "3hours", DAY: "1day", 10 * DAY: "10days", 30 * DAY: "1month"}
TERMS: Final = long_rental.RentalTerms(
    lengths=long_rental.only(*NAMES), whole_number=True, gives_expiry=True, tells_refund=True
)
ROUTES: Final[OperationTable] = {
    Operation.RENTAL_OPEN: OperationRoute("/buy/hosting/{country}/any/{name}"),
    Operation.RENTAL_READ: OperationRoute("/check/{ref}"),
    Operation.RENTAL_CLOSE: OperationRoute("/cancel/{ref}"),
}

CANCELLED: Final = "CANCELED"
EARLY: Final = "you need to wait time"
PAID: Final = frozenset({"hosting order", "order has sms"})  #: The price is not given back.
NO_SMS: Final = "order no sms"  #: It cannot be finished either.


class FiveSimRentalReplies(FiveSimReplies, RentalReplies):
    """Reads the replies of 5sim about hosting. Raises `ProviderError` only."""

    def opened(self, reply: Reply) -> port.Rented | port.NoRent:
        return self.rent(reply)

    def messages(self, reply: Reply) -> long_rental.MessagesReply:
        order = self._order(reply)
        if order is None:
            return self._not_known(reply)
        status, rows = str(order.get("status")), order.get("sms")
        if status == CHARGED:
            return port.Ended(PriceFate.KEPT)
        if status in GIVEN_BACK:
            # It ran out, was banned, or has SMS: who keeps the price then is documented nowhere.
            cancelled = status == CANCELLED and not rows
            return port.Ended(PriceFate.GIVEN_BACK if cancelled else PriceFate.UNKNOWN)
        if status not in LIVE:
            raise reply.unreadable(self.provider)
        return long_rental.Messages(
            fields.all_sms(_raw_sms(row) for row in fields.objects_in(rows))
        )

    def given_back(self, reply: Reply) -> CloseAttempt:
        word = self._word(reply)
        if word == EARLY:
            return long_rental.NotClosed(port.Refusal.EARLY)
        return CloseFollowUp.FINISH if word in PAID else self._ended(reply)

    def kept(self, reply: Reply) -> CloseAttempt:
        word = self._word(reply)
        if word in PAID or word == NO_SMS:
            return long_rental.NotClosed(port.Refusal.NOT_CANCELLABLE)
        return self._ended(reply)

    def _ended(self, reply: Reply) -> CloseAttempt:
        if self._is_not_known(reply):
            return CloseFollowUp.READ
        seen = self.messages(reply)
        return CloseFollowUp.READ if isinstance(seen, long_rental.Messages) else seen


def _raw_sms(row: dict[str, Any]) -> fields.RawSms:
    created = row.get("created_at")
    return fields.RawSms(row.get("code"), row.get("text"), created, fields.instant_of(created))


RENTALS: Final = FamilyRentals(
    TERMS,
    ROUTES,
    FiveSimRentalReplies,
    finish="/finish/{ref}",
    words_of=lambda length: {"name": NAMES[length]},
)
