"""A whole small shop: a customer pays, gets a number and its code, or the money back."""

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.typedefs import Handler

from worker.client import ApiProblem, ApiUnreachable, Client

SECRET = base64.b64decode(os.environ["AW_EVENTS__SECRET"].removeprefix("whsec_"))
CLIENT = web.AppKey("client", Client)
TOLD: dict[str, dict[str, str]] = {}  # The events of each number, by their ids.


async def connected(app: web.Application) -> AsyncIterator[None]:
    async with Client(os.environ["AW_URL"], os.environ["AW_TOKEN"]) as client:
        app[CLIENT] = client
        yield


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (ApiProblem, ApiUnreachable) as why:
        if isinstance(why, ApiProblem) and why.slug not in {"internal", "store-unavailable"}:
            return web.json_response({"error": why.title, "why": why.slug}, status=409)
        return web.json_response({"error": "Please send it again"}, status=503)  # Nobody knows.


async def pay(request: web.Request) -> web.Response:
    paid, client = await request.json(), request.app[CLIENT]
    who = paid["customer"]
    await client.open_account(who, currency="USD")
    booked = await client.top_up_account(who, reference=paid["id"], amount_minor=paid["cents"])
    return web.json_response(booked)


async def order(request: web.Request) -> web.Response:
    asked = await request.json()
    number = await request.app[CLIENT].rent_number(
        account=asked["customer"], service=asked["service"], country="0", provider="sim",
        price_minor=120, window_seconds=asked["seconds"], idempotency_key=asked["id"],
    )  # fmt: skip
    return web.json_response(number)


async def show(request: web.Request) -> web.Response:
    number = await request.app[CLIENT].get_activation(request.match_info["id"])
    return web.json_response({**number, "told": [*TOLD.get(number["id"], {}).values()]})


async def cancel(request: web.Request) -> web.Response:
    return web.json_response(await request.app[CLIENT].cancel_activation(request.match_info["id"]))


async def hear(request: web.Request) -> web.Response:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    id_, stamp, given = (request.headers.get(name, "") for name in names)
    signed = f"{id_}.{stamp}.".encode() + (body := await request.read())
    wanted = b"v1," + base64.b64encode(hmac.digest(SECRET, signed, hashlib.sha256))
    genuine = any(hmac.compare_digest(wanted, one.encode()) for one in given.split())
    if not genuine or abs(time.time() - int(stamp)) > 300:
        return web.Response(status=401)
    event = json.loads(body)
    TOLD.setdefault(event["data"].get("id", ""), {})[id_] = event["type"]  # Repeats have the id.
    return web.Response(status=204)


app = web.Application(middlewares=[refusals])
app.cleanup_ctx.append(connected)
app.add_routes([web.post("/pay", pay), web.post("/numbers", order), web.get("/numbers/{id}", show)])
app.add_routes([web.post("/numbers/{id}/cancel", cancel), web.post("/events", hear)])
web.run_app(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8090")))
