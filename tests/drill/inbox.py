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

    def missing_from(self, text: str, who: str) -> list[str]:
        """What somebody who reads only that text is not told."""
        named = re.search(rf"(?<![\w.:]){re.escape(who)}(?![\w:])", text)
        told = {
            f"who: {who}": named is not None,
            "what": self.summary in text,
            f"since {self.since_text}": f"since {self.since_text} UTC" in text,
            f"what to do: {self.runbook}": f"What to do: {self.runbook}\n" in text,
        }
        return [fact for fact, is_told in told.items() if not is_told]

    @property
    def since_text(self) -> str:
        return f"{self.since.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


@dataclass(slots=True)
class Inbox:
    told: list[Notification] = field(default_factory=list)
    over: dict[str, datetime] = field(default_factory=dict)  #: When it was told, by fingerprint.
    texts: list[str] = field(default_factory=list)  #: As somebody reads them, in order.
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

    async def read(self, request: web.Request) -> web.Response:
        """The same for people: a title and a text."""
        body = await request.json()
        self.texts += [f"{each['title']}\n{each['text']}" for each in body["attachments"]]
        return web.Response(text="ok")

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
    app.router.add_post("/{receiver}/text", inbox.read)
    async with serving(app) as url:
        yield inbox, url
