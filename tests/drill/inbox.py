"""What the on-call gets: each alert, to whom and when it was told, and when it was told as over."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from tests.drill.servers import serving

PREFIX: Final = "ActivationWorker"
READ_BY_NOBODY: Final = "nobody"  #: The receiver of what is there for reading.


@dataclass(frozen=True, slots=True)
class Notification:
    """One alert, told to one receiver for the first time."""

    receiver: str
    alert: str  #: Without our prefix.
    fingerprint: str
    since: datetime
    summary: str
    description: str
    runbook: str
    came_at: datetime

    @property
    def text(self) -> str:
        return f"{self.summary} {self.description}"

    def names(self, who: str) -> bool:
        """Whether its text says that word."""
        return re.search(rf"(?<![\w.:]){re.escape(who)}(?![\w:])", self.text) is not None


@dataclass(slots=True)
class Inbox:
    told: list[Notification] = field(default_factory=list)
    over: dict[str, datetime] = field(default_factory=dict)  #: When it was told, by fingerprint.
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def woke(self) -> list[Notification]:
        """Without what nobody is told of."""
        return [each for each in self.told if each.receiver != READ_BY_NOBODY]

    async def first(self, receiver: str, seconds: float, *, after: int) -> Notification | None:
        """The first alert told after so many; None: none in time.

        Told to that receiver, or to anybody else but nobody.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while True:
            told = [each for each in self.told if each.receiver in {receiver, "page", "ticket"}]
            if len(told) > after:
                return told[after]
            self._news.clear()
            try:
                async with asyncio.timeout_at(until):
                    await self._news.wait()
            except TimeoutError:
                return None

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.json()
        for alert in body["alerts"]:
            self._take(request.match_info["receiver"], alert)
        self._news.set()
        return web.Response()

    def _take(self, receiver: str, alert: Mapping[str, Any]) -> None:
        fingerprint, now = str(alert["fingerprint"]), datetime.now(UTC)
        if alert["status"] == "resolved":
            self.over[fingerprint] = now
            return
        since = datetime.fromisoformat(alert["startsAt"])
        if (fingerprint, since) in {(each.fingerprint, each.since) for each in self.told}:
            return  # The same one, told again.
        self.over.pop(fingerprint, None)
        said = alert["annotations"]
        self.told.append(
            Notification(
                receiver=receiver,
                alert=str(alert["labels"]["alertname"]).removeprefix(PREFIX),
                fingerprint=fingerprint,
                since=since,
                summary=said["summary"],
                description=said["description"],
                runbook=said["runbook_url"],
                came_at=now,
            )
        )


@asynccontextmanager
async def opened_inbox() -> AsyncIterator[tuple[Inbox, str]]:
    """An inbox, and its address for the receivers of Alertmanager."""
    inbox = Inbox()
    app = web.Application()
    app.router.add_post("/{receiver}", inbox.receive)
    async with serving(app) as url:
        yield inbox, url
