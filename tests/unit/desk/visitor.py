"""A browser as far as HTTP goes: it keeps cookies and posts the forms that it was given."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from tests.unit.http.caller import WRITE_TOKEN

_CSRF: Final = re.compile(r'name="csrf" value="([0-9a-f]+)"')


@dataclass(frozen=True)
class Page:
    status: int
    headers: Mapping[str, str]
    raw: str

    @property
    def text(self) -> str:
        """What can be read on it."""
        return html.unescape(re.sub(r"<[^>]*>", "", self.raw))

    @property
    def goes_to(self) -> str:
        return self.headers.get("Location", "")

    @property
    def csrf(self) -> str:
        found = _CSRF.search(self.raw)
        assert found is not None, self.raw
        return found[1]


@dataclass(frozen=True)
class Visitor:
    http: aiohttp.ClientSession
    url: str

    async def get(self, path: str, **headers: str) -> Page:
        return await self._call("GET", path, headers=headers)

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Page:
        return await self._call("POST", path, data=fields, headers=headers)

    async def press(self, page: str, path: str, **headers: str) -> Page:
        """The form of *page* that goes to *path*, with nothing typed."""
        return await self.fill(page, path, {}, **headers)

    async def fill(self, page: str, path: str, fields: Mapping[str, str], **headers: str) -> Page:
        shown = await self.get(page, **headers)
        assert f'action="{path}"' in shown.raw, f"no form of {page} goes to {path}"
        return await self.post(path, {"csrf": shown.csrf, **fields}, **headers)

    async def sign_in(self, token: str = WRITE_TOKEN, back: str = "/find") -> Page:
        form = await self.get("/sign-in")
        return await self.post("/sign-in", {"csrf": form.csrf, "token": token, "next": back})

    async def _call(self, method: str, path: str, **parts: Any) -> Page:
        async with self.http.request(
            method, self.url + path, allow_redirects=False, **parts
        ) as response:
            return Page(response.status, response.headers, await response.text())
