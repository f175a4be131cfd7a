"""The store behind every port: checked by mypy line by line, and by name at run time."""

import inspect

import pytest

from worker.adapters.store.postgres import PostgresStore
from worker.ports.store.activations import ActivationStore
from worker.ports.store.books import AccountStore, AuditStore, EventStore, QueueStatsStore

PORTS = (AccountStore, ActivationStore, AuditStore, QueueStatsStore, EventStore)


def satisfies_every_port(store: PostgresStore) -> None:
    """Never called: it is mypy that reads it."""
    accounts: AccountStore = store
    activations: ActivationStore = store
    audits: AuditStore = store
    censuses: QueueStatsStore = store
    events: EventStore = store
    del accounts, activations, audits, censuses, events


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
def test_the_store_has_what_the_port_names_with_the_same_arguments(port: type) -> None:
    promised = {name: member for name, member in vars(port).items() if not name.startswith("_")}

    assert promised
    for name, member in promised.items():
        kept = getattr(PostgresStore, name)
        if inspect.isfunction(member):
            assert inspect.iscoroutinefunction(kept), name
            assert list(inspect.signature(kept).parameters) == list(
                inspect.signature(member).parameters
            ), name
