"""The `handler_api.php` protocol, spoken by many companies in dialects."""

from worker.adapters.providers.family import FamilyAdapter, ProviderConfig
from worker.adapters.providers.handler_api.activations import HandlerApiAccount
from worker.adapters.providers.handler_api.rentals import HERO_RENTALS, RENTALS
from worker.adapters.providers.pushes import PushBody, push_of
from worker.adapters.providers.rental_account import RentalAccount
from worker.adapters.providers.transport import Transport
from worker.ports.long_rental import LongRentals
from worker.ports.service import Push


def parse_push(body: PushBody) -> list[Push]:
    """The activation that an SMS came to; nothing where it came to a long rental."""
    if "rentId" in body and "activationId" not in body:
        return []
    # Tries of one push are the same in these; the name of the sender is not in all of them.
    content = (body.get("receivedAt"), body.get("text"), body.get("code"), body.get("messageId"))
    return [push_of(body.get("activationId"), None, body.get("service"), content)]


def _rentals(config: ProviderConfig, http: Transport) -> LongRentals:
    """Hero has calls of its own; the other companies have the classic ones."""
    return RentalAccount(HERO_RENTALS if config.dialect == "hero" else RENTALS, config, http)


ADAPTER = FamilyAdapter(HandlerApiAccount, _rentals, parse_push)
