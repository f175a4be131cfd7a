"""The API over a shop's cases: its calls are decided and stored by the real service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp

from tests.integration.cases.case_shop import CaseShop, clauses
from tests.unit.http.caller import Api, Described
from tests.unit.http.conftest import World, deps_over
from worker.entrypoints.http.api import build_api
from worker.entrypoints.http.listener import listen


@asynccontextmanager
async def case_api(shop: CaseShop, described: Described, **others: Any) -> AsyncIterator[Api]:
    """*others* are further parts of `ApiDeps` that are the shop's own."""
    activations = shop.store.activations
    own: dict[str, Any] = {
        "cases": shop.service,
        "activations": activations,
        "books": shop.store.books,
        "clauses": clauses,
    }
    deps = replace(deps_over(World(read_from=activations.activation)), **{**own, **others})
    runner = await listen(build_api(deps), "127.0.0.1", 0, drain_seconds=1)
    host, port = runner.addresses[0]
    async with aiohttp.ClientSession() as http:
        yield Api(http, f"http://{host}:{port}", described)
    await runner.cleanup()
