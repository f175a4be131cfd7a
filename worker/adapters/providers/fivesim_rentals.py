"""5sim's "hosting": orders named by their length, for all services, read as activations are."""

from typing import Final

from worker.adapters.providers.config import ProviderConfig
from worker.adapters.providers.fivesim import NOT_KNOWN, FiveSimReplies
from worker.adapters.providers.fivesim_history import GIVEN_BACK, LIVE
from worker.adapters.providers.rental_account import (
    DAY,
    HOUR,
    After,
    Closing,
    RentalAccount,
    Told,
    all_sms,
)
from worker.adapters.providers.reply import Reply, instant_of, is_answer, text_of, unreadable
from worker.adapters.providers.transport import Transport, escaped
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.long_rental import (
    CloseReply,
    Ended,
    Messages,
    MessagesReply,
    NotClosed,
    RentalRequest,
    RentalTerms,
    only,
)
from worker.ports.provider import NoRent, NotKnown, Refusal, Rented

NAMES: Final = {3 * HOUR: "3hours", DAY: "1day", 10 * DAY: "10days", 30 * DAY: "1month"}
TERMS: Final = RentalTerms(
    lengths=only(*NAMES), whole_number=True, gives_expiry=True, tells_refund=True
)

CANCELLED: Final = "CANCELED"
EARLY: Final = "you need to wait time"
PAID: Final = frozenset({"hosting order", "order has sms"})  #: No price back, whatever follows.
NO_SMS: Final = "order no sms"  #: It will not be finished either.


class FiveSimRentalReplies(FiveSimReplies):
    """Reads what 5sim says of hosting. Raises `ProviderError` only."""

    def opened(self, reply: Reply) -> Rented | NoRent:
        return self.rent(reply)

    def messages(self, reply: Reply) -> MessagesReply:
        order = self._order(reply)
        if order is None:
            if is_answer(reply) and text_of(reply) in NOT_KNOWN:
                return NotKnown()
            raise self._fault(reply)
        status, rows = str(order.get("status")), order.get("sms")
        if status == "FINISHED":
            return Ended(PriceFate.KEPT)
        if status in GIVEN_BACK:
            # Its time ran out, it was banned, or it has SMS: nobody says who keeps the price then.
            cancelled = status == CANCELLED and not rows
            return Ended(PriceFate.GIVEN_BACK if cancelled else PriceFate.UNKNOWN)
        if status not in LIVE:
            raise unreadable(self.provider, reply)
        told = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        return Messages(
            all_sms(
                Told(
                    row.get("code"),
                    row.get("text"),
                    row.get("created_at"),
                    instant_of(row.get("created_at")),
                )
                for row in told
            )
        )

    def given_back(self, reply: Reply) -> Closing:
        words = text_of(reply) if is_answer(reply) else ""
        if words == EARLY:
            return NotClosed(Refusal.EARLY)
        return After.FINISH if words in PAID else self._ended(reply)

    def kept(self, reply: Reply) -> Closing:
        words = text_of(reply) if is_answer(reply) else ""
        if words in PAID or words == NO_SMS:
            return NotClosed(Refusal.NOT_CANCELLABLE)
        return self._ended(reply)

    def _ended(self, reply: Reply) -> Closing:
        if is_answer(reply) and text_of(reply) in NOT_KNOWN:
            return After.READ
        seen = self.messages(reply)
        return After.READ if isinstance(seen, Messages) else seen


class FiveSimRentals(RentalAccount[FiveSimRentalReplies]):
    """Those of one account at 5sim."""

    def __init__(self, config: ProviderConfig, http: Transport) -> None:
        super().__init__(http, TERMS, FiveSimRentalReplies(config.name, config.currency))

    def _to_open(self, request: RentalRequest) -> str:
        return f"/buy/hosting/{escaped(request.country)}/any/{NAMES[request.length]}"

    def _to_read(self, ref: ProviderRef) -> str:
        return f"/check/{escaped(ref)}"

    async def close(self, ref: ProviderRef) -> CloseReply:
        one = escaped(ref)
        return await self._close(
            ref, f"/cancel/{one}", self._read.given_back, f"/finish/{one}", self._read.kept
        )
