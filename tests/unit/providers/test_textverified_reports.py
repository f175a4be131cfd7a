"""TextVerified: an SMS that came before a report took effect is told with its refusal."""

import orjson
import pytest

from tests.unit.providers.adapter_world import World, config, talking_to
from tests.unit.providers.raw_provider import BREAK, RawProvider, http, raw_provider
from worker.domain.ids import ProviderRef
from worker.ports.errors import ProviderError
from worker.ports.provider import CancelReply, Ended, Refusal, Refused

REF = ProviderRef("lr_1")
TOKEN = http('{"token": "bearer-1", "expiresIn": 899}')
TAKEN, REFUSED = http(""), http("", 400)
NO_SMS = http('{"data": [], "hasNext": false}')
AT = "2026-03-01T12:01:00+00:00"
CODE = {"to": "2025550123", "createdAt": AT, "smsContent": "Code 12341", "parsedCode": "12341"}
WITH_SMS = http(orjson.dumps({"data": [CODE], "hasNext": False}))


def state(word: str) -> bytes:
    return http(orjson.dumps({"id": REF, "state": f"verification{word}", "number": "2025550123"}))


async def reported(*answers: bytes) -> tuple[CancelReply, RawProvider]:
    async with (
        raw_provider(TOKEN, *answers) as raw,
        talking_to(config(raw.url, "textverified"), World()) as provider,
    ):
        return await provider.report(REF), raw


def posts(raw: RawProvider) -> int:
    return sum("/report" in line for line in raw.lines)


def codes(reply: CancelReply) -> list[str]:
    assert isinstance(reply, Refused)
    assert reply.why is Refusal.CODE_ARRIVED
    return [sms.code for sms in reply.sms]


async def test_a_number_that_waits_and_has_no_sms_is_reported() -> None:
    reply, raw = await reported(state("Pending"), TAKEN, NO_SMS)

    assert reply == Ended()
    assert [line.removesuffix(" HTTP/1.1") for line in raw.lines[1:]] == [
        "GET /api/pub/v2/verifications/lr_1",
        "POST /api/pub/v2/verifications/lr_1/report",
        "GET /api/pub/v2/sms?reservationType=verification&reservationId=lr_1",
    ]


async def test_one_that_has_its_sms_is_not_reported() -> None:
    reply, raw = await reported(state("Completed"), WITH_SMS)

    assert codes(reply) == ["12341"]
    assert posts(raw) == 0


async def test_an_sms_that_came_between_the_look_and_the_report_is_told() -> None:
    reply, _ = await reported(state("Pending"), TAKEN, WITH_SMS)

    assert codes(reply) == ["12341"]


async def test_what_the_provider_refuses_stays_refused() -> None:
    reply, raw = await reported(state("Pending"), REFUSED)

    assert reply == Refused(Refusal.UNCLEAR)
    assert len(raw.lines) == 3


@pytest.mark.parametrize("word", ["Canceled", "TimedOut", "Reused"])
async def test_one_that_has_ended_is_not_reported(word: str) -> None:
    reply, raw = await reported(state(word))

    assert reply == Refused(Refusal.UNCLEAR)
    assert posts(raw) == 0


@pytest.mark.parametrize("sms", [NO_SMS, WITH_SMS], ids=["none", "one"])
async def test_one_that_was_reported_before_is_not_reported_again(sms: bytes) -> None:
    reply, raw = await reported(state("Reported"), sms)

    assert codes(reply) == ["12341"] if sms == WITH_SMS else reply == Ended()
    assert posts(raw) == 0


async def test_whether_an_sms_came_must_be_known() -> None:
    with pytest.raises(ProviderError):
        await reported(state("Pending"), TAKEN, BREAK)
