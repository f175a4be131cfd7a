"""The adapters of the families that ship, in a world that the test owns."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from worker.adapters.providers.family import ProviderAccount, ProviderConfig
from worker.adapters.providers.registry import build_provider, build_rentals
from worker.adapters.providers.rental_account import RentalAccount
from worker.testing.world import KEY, NAME, USERNAME, World, config

__all__ = ["KEY", "NAME", "USERNAME", "World", "built", "config", "replies_of", "talking_to"]


def built(configured: ProviderConfig, world: World, timeout_s: float = 5.0) -> ProviderAccount:
    """An adapter in this world; until its first call it has nothing to hang up."""
    provider = build_provider(configured, world.context(timeout_s))
    assert isinstance(provider, ProviderAccount)
    return provider


def replies_of(family: str, dialect: str) -> Any:
    """Who reads the replies about activations; `Any`, because readers share names, not types."""
    return built(config("http://127.0.0.1", family, dialect), World()).replies


def rental_replies_of(family: str, dialect: str) -> Any:
    """The same of long rentals."""
    configured = config("http://127.0.0.1", family, dialect)
    rentals = build_rentals(configured, built(configured, World()))
    assert isinstance(rentals, RentalAccount)
    return rentals.replies


@asynccontextmanager
async def talking_to(
    configured: ProviderConfig, world: World, timeout_s: float = 5.0
) -> AsyncIterator[ProviderAccount]:
    provider = built(configured, world, timeout_s)
    try:
        yield provider
    finally:
        await provider.close()
