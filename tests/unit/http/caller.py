"""Calls the API as a shop would, and holds every reply against the API's own description."""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from multidict import CIMultiDict
from openapi_schema_validator import OAS31Validator

WRITE_TOKEN = "write-token-canary-0123456789abcdef"
OPERATE_TOKEN = "operate-token-canary-0123456789abcdef"
READ_TOKEN = "read-token-canary-0123456789abcdef"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def slug(self) -> str:
        return str(self.json["type"]).removeprefix("/problems/")

    @property
    def pointers(self) -> list[str]:
        return [fault["pointer"] for fault in self.json["errors"]]


class Described:
    """What the description says of the answers to a call."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._components = document["components"]
        self._validators: dict[str, OAS31Validator] = {}
        self._operations = [
            (re.compile(re.sub(r"{\w+}", "[^/]+", path) + "$"), path, methods)
            for path, methods in document["paths"].items()
        ]

    def check(self, method: str, path: str, reply: Reply) -> None:
        operation = self._operation(method, path.partition("?")[0])
        if operation is None:
            assert reply.status in {404, 405}, f"{method} {path} is not described"
            return
        answers = operation["responses"]
        assert str(reply.status) in answers, f"{method} {path}: {reply.status} is not described"
        if reply.raw:
            media = reply.headers["Content-Type"].partition(";")[0]
            schema = answers[str(reply.status)]["content"][media]["schema"]
            self._validator(schema["$ref"]).validate(reply.json)

    def _validator(self, reference: str) -> Any:
        if reference not in self._validators:
            whole = {"$ref": reference, "components": self._components}
            self._validators[reference] = OAS31Validator(whole)
        return self._validators[reference]

    def _operation(self, method: str, path: str) -> Any:
        fitting = [(p, m) for pattern, p, m in self._operations if pattern.match(path)]
        plain_first = sorted(fitting, key=lambda one: one[0].count("{"))
        return next((m[method.lower()] for _, m in plain_first if method.lower() in m), None)


@dataclass(frozen=True)
class Api:
    http: aiohttp.ClientSession
    url: str
    described: Described

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = WRITE_TOKEN,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        sent = CIMultiDict(headers or {})
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token}")
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            sent.setdefault("Content-Type", "application/json")
        url = self.url + path
        stream = None if raw is None else io.BytesIO(raw)
        async with self.http.request(method, url, data=stream, headers=sent) as response:
            reply = Reply(response.status, response.headers.copy(), await response.read())
        self.described.check(method, path, reply)
        return reply

    async def get(self, path: str, **more: Any) -> Reply:
        return await self.call("GET", path, **more)

    async def put(self, path: str, body: Any = None, **more: Any) -> Reply:
        return await self.call("PUT", path, body, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Reply:
        return await self.call("POST", path, body, **more)
