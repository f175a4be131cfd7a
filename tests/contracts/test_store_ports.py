"""The store and the fakes behind every port: checked by mypy, and by their parameters here."""

import inspect
from collections.abc import Mapping
from typing import Final

import pytest

from tests.fakes.stores import PORTS, members
from tests.unit.events.test_audit_tick import Books
from tests.unit.events.test_deliver_tick import Outbox
from tests.unit.http.fakes import FakeActivations, FakeBooks, FakeOutbox
from tests.unit.lifecycle.scripted import StubStore
from worker.adapters.store.activations import ActivationRepository
from worker.adapters.store.books import BookRepository
from worker.adapters.store.cases import CaseRepository
from worker.adapters.store.outbox import OutboxRepository
from worker.adapters.store.postgres import PostgresLeadership, PostgresStore
from worker.adapters.store.purchases import PurchaseRepository
from worker.adapters.store.settlements import SettlementRepository
from worker.lifecycle.backstop import Leadership
from worker.ports.store.activations import ActivationStore
from worker.ports.store.books import BookStore
from worker.ports.store.cases import CaseStore, ReadPolicies
from worker.ports.store.outbox import OutboxStore
from worker.ports.store.purchases import PurchaseStore
from worker.ports.store.settlements import SettlementStore

REAL: Final[Mapping[type, type]] = {
    ActivationRepository: ActivationStore,
    SettlementRepository: SettlementStore,
    PurchaseRepository: PurchaseStore,
    BookRepository: BookStore,
    CaseRepository: CaseStore,
    OutboxRepository: OutboxStore,
    PostgresLeadership: Leadership,
}
FAKES: Final[Mapping[type, type]] = {
    FakeActivations: ActivationStore,
    FakeBooks: BookStore,
    FakeOutbox: OutboxStore,
    Books: BookStore,
    Outbox: OutboxStore,
}


def the_store_satisfies_every_port(store: PostgresStore) -> None:
    """Never called: it is mypy that reads it."""
    activations: ActivationStore = store.activations
    settlements: SettlementStore = store.settlements
    purchases: PurchaseStore = store.purchases
    books: BookStore = store.books
    cases: CaseStore = store.cases
    outbox: OutboxStore = store.outbox
    leadership: Leadership = store.leadership
    read_policies: ReadPolicies = store.policies.read
    del activations, settlements, purchases, books, cases, outbox, leadership, read_policies


def the_fakes_satisfy_their_ports(
    activations: FakeActivations,
    accounts: FakeBooks,
    events: FakeOutbox,
    audited: Books,
    due: Outbox,
) -> None:
    """Never called: it is mypy that reads it."""
    some_activations: ActivationStore = activations
    some_books: tuple[BookStore, BookStore] = (accounts, audited)
    outboxes: tuple[OutboxStore, OutboxStore] = (events, due)
    del some_activations, some_books, outboxes


def test_every_port_has_its_repository() -> None:
    assert set(REAL.values()) == set(PORTS)


@pytest.mark.parametrize(
    ("stands", "port"),
    {**REAL, **FAKES}.items(),
    ids=lambda one: f"{one.__module__}.{one.__name__}",
)
def test_what_stands_for_a_port_has_its_methods_with_the_same_parameters(
    stands: type, port: type
) -> None:
    promised = members(port)

    assert promised
    for name, member in promised.items():
        kept = getattr(stands, name)
        if not inspect.isfunction(member):
            continue
        assert inspect.iscoroutinefunction(kept), name
        assert parameters(kept) == parameters(member), name


async def test_a_stub_answers_nothing_that_no_port_has() -> None:
    with pytest.raises(AssertionError, match="no port of the store has nothing_like_it"):
        await StubStore(nothing_like_it=1).nothing_like_it()


async def test_a_stub_is_asked_with_the_parameters_of_the_port() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'failure'"):
        await StubStore(purchase_failed=None).purchase_failed("id", is_order=True)


def parameters(method: object) -> list[tuple[str, object, object]]:
    assert callable(method)
    found = inspect.signature(method).parameters.values()
    return [(one.name, one.kind, one.default) for one in found]
