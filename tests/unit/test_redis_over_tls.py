"""With TLS the certificate of Redis must name the host that was asked for."""

from typing import Any

import pytest
from arq.connections import RedisSettings

import worker.client
from worker.adapters.redis.connect import open_pool


@pytest.mark.parametrize(
    ("query", "checked"),
    [
        ("", True),
        ("?ssl_check_hostname=yes", True),
        ("?ssl_check_hostname=no", False),
        ("?ssl_cert_reqs=none", False),
    ],
)
def test_the_name_is_checked_unless_the_url_says_no(query: str, checked: bool) -> None:
    pool: Any = open_pool(f"rediss://:pw@redis.example:6380/0{query}")
    connection = pool.make_connection()

    assert connection.ssl_context.check_hostname is checked


@pytest.mark.parametrize(("scheme", "checked"), [("rediss", True), ("redis", False)])
async def test_who_hands_over_by_a_url_checks_it(
    monkeypatch: pytest.MonkeyPatch, scheme: str, checked: bool
) -> None:
    asked: list[RedisSettings] = []

    async def refuse(settings: RedisSettings) -> None:
        asked.append(settings)
        raise ConnectionError

    monkeypatch.setattr(worker.client, "create_pool", refuse)
    with pytest.raises(ConnectionError):
        await worker.client.hand_over(f"{scheme}://redis.example:6380/0", {"provider": "sim"})

    assert [settings.ssl_check_hostname for settings in asked] == [checked]
