"""Acceptance tests own their processes; each gets a world of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.world import World, world


@pytest.fixture
async def a_world(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with world(database_url, redis_url, tmp_path) as made:
        yield made
