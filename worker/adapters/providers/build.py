"""From a provider's configuration to something that speaks its protocol."""

from collections.abc import Awaitable, Callable
from typing import Final

from worker.adapters.providers.config import ProviderConfig
from worker.adapters.providers.fivesim import FiveSim
from worker.adapters.providers.handler_api import HandlerApi
from worker.adapters.providers.handler_dialects import DIALECTS
from worker.adapters.providers.onlinesim import OnlineSim
from worker.adapters.providers.smsman import SmsMan
from worker.adapters.providers.smspva import SmsPva
from worker.adapters.providers.transport import TIMEOUT_S, Surroundings
from worker.adapters.providers.vaksms import VakSms
from worker.ports.provider import Provider
from worker.ports.reporter import Reporter

FAMILIES: Final[dict[str, Callable[[ProviderConfig, Surroundings], Provider]]] = {
    "handler_api": HandlerApi,
    "fivesim": FiveSim,
    "onlinesim": OnlineSim,
    "smspva": SmsPva,
    "vaksms": VakSms,
    "smsman": SmsMan,
}


def build_provider(
    config: ProviderConfig,
    *,
    reporter: Reporter,
    sleep: Callable[[float], Awaitable[None]],
    monotonic: Callable[[], float],
    random: Callable[[], float],
    timeout_s: float = TIMEOUT_S,
) -> Provider:
    """One provider account; its connections open with its first call. *random* is in [0, 1)."""
    family = FAMILIES.get(config.family)
    if family is None:
        raise ValueError(f"{config.name}: unknown family {config.family}")
    if config.family == "handler_api" and config.dialect not in DIALECTS:
        raise ValueError(f"{config.name}: unknown dialect {config.dialect}")
    return family(
        config,
        Surroundings(
            reporter=reporter,
            sleep=sleep,
            monotonic=monotonic,
            random=random,
            timeout_s=timeout_s,
        ),
    )
