"""A shop with cases on a fresh database; after each test its audit must find nothing."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.integration.cases.case_api import case_api
from tests.integration.cases.case_shop import CaseShop, ClockedStore
from tests.integration.store.pausing import Gate, PausingDatabase, Rival
from tests.unit.desk.conftest import desk_over
from tests.unit.desk.visitor import Visitor
from tests.unit.http.caller import Api, Described
from tests.unit.http.conftest import described

FIXTURES = (described,)


@pytest.fixture
async def broken_shop(database_url: str) -> AsyncIterator[CaseShop]:
    """A shop whose books the test breaks, so that nothing audits them."""
    shop = CaseShop(await asyncpg.connect(database_url), database_url)
    yield shop
    await shop.admin.close()
    await shop.store.close()


@pytest.fixture
async def shop(broken_shop: CaseShop) -> AsyncIterator[CaseShop]:
    yield broken_shop
    findings = await broken_shop.store.books.audit()
    assert {f.invariant: f.offenders for f in findings if f.violations} == {}


@pytest.fixture
async def rival(broken_shop: CaseShop) -> AsyncIterator[Rival]:
    """A second process on the same database, whose next transaction stops before its COMMIT.

    It keeps no policies: the gate would be at their keeping.
    """
    gate, url = Gate(), broken_shop.url
    store = ClockedStore(url, broken_shop.clock, db=PausingDatabase(url, gate))
    yield Rival(store, gate, broken_shop.admin)
    gate.go.set()
    await store.close()


@pytest.fixture
async def api(shop: CaseShop, described: Described) -> AsyncIterator[Api]:
    async with case_api(shop, described) as served:
        yield served


@pytest.fixture
async def staff(shop: CaseShop, api: Api) -> AsyncIterator[Visitor]:
    async with desk_over(api.url, now=lambda: shop.clock.now) as visitor:
        assert (await visitor.sign_in()).status == 303
        yield visitor
