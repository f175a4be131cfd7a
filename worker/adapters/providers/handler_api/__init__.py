"""The `handler_api.php` protocol, spoken by many companies in dialects."""

from worker.adapters.providers.family import FamilyAdapter, ProviderConfig
from worker.adapters.providers.handler_api import pushes
from worker.adapters.providers.handler_api.activations import HandlerApiAccount
from worker.adapters.providers.handler_api.hero_rentals import HeroRentals
from worker.adapters.providers.handler_api.rentals import HandlerRentals
from worker.adapters.providers.transport import Transport
from worker.ports.long_rental import LongRentals


def _rentals(config: ProviderConfig, http: Transport) -> LongRentals:
    """Hero has calls of its own; the other companies have the classic ones."""
    return (HeroRentals if config.dialect == "hero" else HandlerRentals)(config, http)


ADAPTER = FamilyAdapter(HandlerApiAccount, _rentals, pushes.parse)
