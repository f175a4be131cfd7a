"""From a provider's configuration to something that speaks its protocol."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from worker.adapters.providers.config import ProviderConfig
from worker.adapters.providers.fivesim.activations import FiveSim
from worker.adapters.providers.fivesim.rentals import FiveSimRentals
from worker.adapters.providers.handler_api.activations import HandlerApi
from worker.adapters.providers.handler_api.dialects import DIALECTS
from worker.adapters.providers.handler_api.hero_rentals import HeroRentals
from worker.adapters.providers.handler_api.rentals import HandlerRentals
from worker.adapters.providers.onlinesim.activations import OnlineSim
from worker.adapters.providers.onlinesim.rentals import OnlineSimRentals
from worker.adapters.providers.smsman.activations import SmsMan
from worker.adapters.providers.smsman.rentals import SmsManRentals
from worker.adapters.providers.smspva.activations import SmsPva
from worker.adapters.providers.smspva.rentals import SmsPvaRentals
from worker.adapters.providers.transport import TIMEOUT_S, Surroundings, Transport, unmetered
from worker.adapters.providers.vaksms.activations import VakSms
from worker.adapters.providers.vaksms.rentals import VakSmsRentals
from worker.ports.long_rental import LongRentals
from worker.ports.provider import Provider
from worker.ports.reporter import Reporter


class Built(Provider, Protocol):
    """A provider with the door that its long rentals go through."""

    @property
    def rentals_http(self) -> Transport: ...


SPOKEN: Final = "handler_api"  #: The family with dialects.
FAMILIES: Final[dict[str, Callable[[ProviderConfig, Surroundings], Built]]] = {
    SPOKEN: HandlerApi,
    "fivesim": FiveSim,
    "onlinesim": OnlineSim,
    "smspva": SmsPva,
    "vaksms": VakSms,
    "smsman": SmsMan,
}
#: By family and, where it has them, dialect. The others have none, or none that is documented.
RENTALS: Final[dict[tuple[str, str], Callable[[ProviderConfig, Transport], LongRentals]]] = {
    (SPOKEN, "classic"): HandlerRentals,
    (SPOKEN, "grizzly"): HandlerRentals,
    (SPOKEN, "hero"): HeroRentals,
    ("fivesim", ""): FiveSimRentals,
    ("onlinesim", ""): OnlineSimRentals,
    ("smspva", ""): SmsPvaRentals,
    ("vaksms", ""): VakSmsRentals,
    ("smsman", ""): SmsManRentals,
}


def build_provider(  # noqa: PLR0913 - what surrounds a provider, by name
    config: ProviderConfig,
    *,
    reporter: Reporter,
    sleep: Callable[[float], Awaitable[None]],
    monotonic: Callable[[], float],
    random: Callable[[], float],
    pay: Callable[[], Awaitable[None]] = unmetered,
    timeout_s: float = TIMEOUT_S,
) -> Built:
    """One provider account; its connections open with its first call.

    *random* is in [0, 1); *pay* buys the requests a call makes beyond its first.
    """
    family = FAMILIES.get(config.family)
    if family is None:
        raise ValueError(f"{config.name}: unknown family {config.family}")
    if config.family == SPOKEN and config.dialect not in DIALECTS:
        raise ValueError(f"{config.name}: unknown dialect {config.dialect}")
    return family(
        config,
        Surroundings(
            reporter=reporter,
            sleep=sleep,
            monotonic=monotonic,
            random=random,
            pay=pay,
            timeout_s=timeout_s,
        ),
    )


def build_rentals(config: ProviderConfig, provider: Built) -> LongRentals | None:
    """The long rentals of *provider*, which closes their connections; None where it has none."""
    dialect = config.dialect if config.family == SPOKEN else ""
    rentals = RENTALS.get((config.family, dialect))
    return None if rentals is None else rentals(config, provider.rentals_http)
