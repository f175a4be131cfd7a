"""Which configured providers are asked about long rentals."""

from typing import cast

from tests.unit.providers.adapter_world import World
from tests.unit.settings.given import HERO, Load
from worker.adapters.telemetry.reporter import OpsReporter
from worker.bootstrap.from_settings import providers_of, rentals_of, system_clock
from worker.domain.ids import ProviderName

OTHERS = """
[providers.tiger]
family = "handler_api"
dialect = "tiger"
base_url = "http://127.0.0.1:8082"
api_key = "key-of-tiger"

[providers.pva]
family = "smspva"
base_url = "http://127.0.0.1:8083"
api_key = "key-of-pva"
"""


async def test_only_providers_that_rent_for_long_have_rentals(loading: Load) -> None:
    settings = loading(HERO + OTHERS).settings
    providers = providers_of(settings, cast("OpsReporter", World()), system_clock())

    rentals = rentals_of(settings, providers)

    assert set(providers) == {"hero", "tiger", "pva"}
    assert {name: each.name for name, each in rentals.items()} == {"hero": "hero", "pva": "pva"}
    assert rentals.get(ProviderName("tiger")) is None
    for provider in providers.values():
        await provider.close()
