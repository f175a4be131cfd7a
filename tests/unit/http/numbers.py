"""Bodies that tests send, and an account rich enough to pay for them."""

from typing import Any

from tests.unit.http.caller import Api, Reply

PATH = "/v1/activations/alpha/ref-1"
RENTED_AT = "2025-12-31T23:59:00.000000Z"


def number(**changes: Any) -> dict[str, Any]:
    body = {
        "account": "ann",
        "phone": "79990000001",
        "service": "tg",
        "country": "0",
        "price_minor": 12,
        "rented_at": RENTED_AT,
    }
    return {key: value for key, value in (body | changes).items() if value is not ...}


def item(ref: str = "ref-1", **changes: Any) -> dict[str, Any]:
    return number(provider="alpha", provider_ref=ref, **changes)


def order(**changes: Any) -> dict[str, Any]:
    body = {
        "account": "ann",
        "provider": "alpha",
        "service": "tg",
        "country": "0",
        "price_minor": 12,
    }
    return {key: value for key, value in (body | changes).items() if value is not ...}


async def rich_ann(api: Api, minor: int = 1_000_000) -> None:
    await api.put("/v1/accounts/ann", {"currency": "USD"})
    topup = {"reference": "start", "amount_minor": minor}
    assert (await api.post("/v1/accounts/ann/topups", topup)).status == 201


async def watched(api: Api, ref: str = "ref-1", **changes: Any) -> Reply:
    """A number of ann's that is watched."""
    if (await api.get("/v1/accounts/ann")).status == 404:
        await rich_ann(api)
    reply = await api.put(f"/v1/activations/alpha/{ref}", number(**changes))
    assert reply.status == 201, reply.raw
    return reply
