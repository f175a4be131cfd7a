"""A token that may only read sees that a code came, and not which."""

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.unit.http.caller import READ_TOKEN, WRITE_TOKEN, Api
from tests.unit.http.conftest import World
from tests.unit.http.fakes import with_code
from tests.unit.http.numbers import watched
from worker.domain.ids import ActivationId
from worker.entrypoints.http.responses import masked
from worker.ports.store.outbox import Event

CODE = "918273"


async def _with_a_code(api: Api, world: World) -> str:
    id_ = (await watched(api)).json["id"]
    number = next(one for one in world.reads.found.values() if str(one.id) == id_)
    world.reads.put(with_code(number, CODE))
    return f"/v1/activations/{id_}"


@pytest.mark.parametrize("of_list", [False, True])
async def test_codes_and_texts_are_masked_for_who_may_only_read(
    api: Api, world: World, *, of_list: bool
) -> None:
    path = await _with_a_code(api, world)
    path = "/v1/activations" if of_list else path

    reader = await api.get(path, token=READ_TOKEN)
    shop = await api.get(path, token=WRITE_TOKEN)

    shown = (reader.json["items"][0] if of_list else reader.json)["codes"]
    assert [(code["code"], code["text"]) for code in shown] == [("****", "****")]
    assert CODE not in reader.raw.decode()
    assert CODE in shop.raw.decode()


async def test_the_events_of_codes_are_masked_too(api: Api, world: World) -> None:
    data: dict[str, Any] = {"code": CODE, "text": f"It is {CODE}", "state": "received"}
    at = datetime(2026, 1, 1, tzinfo=UTC)
    id_ = ActivationId(uuid4())
    world.events.put(Event("1", "activation.code_received", at, id_, data, 0))

    (event,) = (await api.get("/v1/events", token=READ_TOKEN)).json["items"]

    assert event["data"] == {"code": "****", "text": "****", "state": "received"}
    assert CODE in (await api.get("/v1/events", token=WRITE_TOKEN)).raw.decode()


@pytest.mark.parametrize(
    "sent",
    [
        {"payload": {"provider_ref": "R1", "sms": CODE}},
        {"payload": f"{{'codes': ['{CODE}']}}"},
        {"body_base64": b64encode(CODE.encode()).decode()},
    ],
)
async def test_what_could_not_be_taken_is_masked_as_a_whole(
    api: Api, world: World, sent: dict[str, Any]
) -> None:
    data = {"job": "j1", "reason": "invalid", "provider_ref": "R1", **sent}
    at = datetime(2026, 1, 1, tzinfo=UTC)
    world.events.put(Event("1", "intake.refused", at, None, data, 0))

    (event,) = (await api.get("/v1/events", token=READ_TOKEN)).json["items"]
    (whole,) = (await api.get("/v1/events", token=WRITE_TOKEN)).json["items"]

    assert event["data"] == {**data, **dict.fromkeys(sent, "****")}
    assert whole["data"] == data


async def test_the_tag_of_an_answer_does_not_tell_the_code(api: Api, world: World) -> None:
    path = await _with_a_code(api, world)
    one = (await api.get(path, token=READ_TOKEN)).headers["ETag"]
    (number,) = world.reads.found.values()
    world.reads.put(with_code(number.__class__(**_without_codes(number)), "000000"))

    other = (await api.get(path, token=READ_TOKEN)).headers["ETag"]

    assert other == one


def _without_codes(number: Any) -> dict[str, Any]:
    return {name: getattr(number, name) for name in number.__slots__} | {"codes": ()}


def test_what_is_missing_stays_missing() -> None:
    assert masked({"items": [{"code": "1", "text": None}], "n": 1}) == {
        "items": [{"code": "****", "text": None}],
        "n": 1,
    }
