"""A shop whose store reaches the database through a proxy that breaks COMMITs."""

from dataclasses import dataclass

from tests.integration.store.proxy import AtCommit, Proxy
from tests.integration.store.shop import Shop
from worker.adapters.store.postgres import PostgresStore


@dataclass
class Broken:
    """The same shop, through the proxy."""

    proxy: Proxy
    store: PostgresStore
    shop: Shop

    def fail(self, *faults: AtCommit) -> None:
        self.proxy.faults = list(faults)
