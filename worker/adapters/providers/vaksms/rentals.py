"""The rental of vak-sms: an activation that lives four hours, and gives its codes only."""

from typing import Final

from worker.adapters.providers import fields
from worker.adapters.providers.family import (
    OperationRoute,
    OperationTable,
)
from worker.adapters.providers.rental_account import HOUR, FamilyRentals, RentalReplies
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.vaksms.activations import (
    END,
    NOT_KNOWN,
    PRICE_LIMIT,
    READ,
    VakSmsReplies,
)
from worker.ports import long_rental
from worker.ports import provider as port
from worker.ports.reporter import Operation

#: Nothing prolongs it: `prolongNumber` is another purchase of a number that is over.
TERMS: Final = long_rental.RentalTerms(lengths=long_rental.only(4 * HOUR), price_limit=True)
ROUTES: Final[OperationTable] = {
    Operation.RENTAL_OPEN: OperationRoute(
        "/getNumber/?service={service}&country={country}&rent=true&", price_limit=PRICE_LIMIT
    ),
    Operation.RENTAL_READ: READ,
    Operation.RENTAL_CLOSE: END,
}


class VakSmsRentalReplies(VakSmsReplies, RentalReplies):
    """Reads the replies of vak-sms about rentals. Raises `ProviderError` only."""

    def opened(self, reply: Reply) -> port.Rented | port.NoRent:
        return self.rent(reply)

    def messages(self, reply: Reply) -> long_rental.MessagesReply:
        body = self._body(reply)
        if body.get("error") == NOT_KNOWN:
            return port.NotKnown()
        if not reply.is_success or "smsCode" not in body or "error" in body:
            raise self._fault(reply)
        codes = body["smsCode"]
        rows = codes if isinstance(codes, list) else [codes]
        read = [fields.sms_of(code) for code in rows if code is not None]
        if None in read:
            raise reply.unreadable(self.provider)
        return long_rental.Messages(tuple(sms for sms in read if sms is not None))

    def ended(self, reply: Reply) -> long_rental.CloseReply:
        """That a rental's price comes back with it is not documented."""
        why = self.changed(reply)
        if why is None:
            return port.Ended()
        if why is port.Refusal.CODE_ARRIVED:
            return long_rental.NotClosed(port.Refusal.NOT_CANCELLABLE)
        return port.NotKnown() if self._word(reply) == NOT_KNOWN else long_rental.NotClosed(why)


RENTALS: Final = FamilyRentals(TERMS, ROUTES, VakSmsRentalReplies)
