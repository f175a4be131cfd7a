"""Whatever a face is asked, it answers; and it reads what others write."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.families import every_dialect
from worker.simulator.config import SimulatorConfig
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.engine import Engine
from worker.simulator.exchange import FaceCall, FaceReply, Request, amount, figure, number_id, price
from worker.simulator.face import CallContext, DeniedCall, Face, deny
from worker.simulator.faces import face_of
from worker.simulator.numbers import SimulatedNumber
from worker.simulator.tariff import BuyerOrder

START = datetime(2026, 3, 1, tzinfo=UTC)
FACES: list[dict[str, Any]] = [
    {"family": family} | ({"dialect": dialect} if dialect else {})
    for family, dialect in every_dialect()
]
PATHS = [
    "/stubs/handler_api.php",
    "/api/v1/activations",
    "/v1/user/buy/activation/any/any/tg",
    "/v1/user/check/100000001",
    "/v1/user/orders",
    "/api/getState.php",
    "/api/rent/extendRentState.php",
    "/api/rent.php",
    "/activation/sms/100000001",
    "/activation/cancelorder/100000001",
    "/api/getSmsCode/",
    "/control/get-sms",
    "/rent-api/get-number",
    "//",
    "",
]
NAMES = [
    "action", "id", "status", "service", "country", "limit", "start", "tzid", "days", "method",
    "idNum", "request_id", "dtype", "dcount", "time", "duration", "maxPrice", "offset", "page",
]  # fmt: skip
VALUES = [
    "getNumber", "getNumberV2", "getStatus", "setStatus", "getRentNumber", "getRentStatus",
    "getActiveActivations", "getHistory", "prolong", "create", "sms", "prolong", "8", "-1", "0",
    "100000001", "100000002", "99999999999999999999", "timeout", "code-arrives:x", "", "%00",
]  # fmt: skip
queries = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES) | st.text(max_size=8))
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))


def granted_reply(face: Face, ctx: CallContext) -> FaceReply:
    if ctx.call.refused is not None:
        deny(ctx.call.refused)
    if not ctx.call.about_one:
        return face.answer(ctx)
    number = ctx.engine.find(ctx.call.ref or 0, START)
    if number is None:
        deny(DenialReason.UNKNOWN_ID)
    return face.answer_about(ctx, number)


def handled(request: Request, settings: dict[str, Any]) -> tuple[int, bytes]:
    """What the face answers, by the way every request takes."""
    config = SimulatorConfig.model_validate(settings)
    face = face_of(config)
    engine = Engine(config, face.terms)
    engine.rent(BuyerOrder(service="timeout", country="0"), START)
    engine.rent(BuyerOrder(service="timeout", country="0", hours=24), START)
    call = face.read(request)
    try:
        reply = granted_reply(face, CallContext(engine, call, START))
    except DeniedCall as refused:
        reply = face.refuse(call, refused.denied, START)
    return reply.status, reply.body


@given(
    st.sampled_from(FACES),
    st.sampled_from(["GET", "POST", "PUT"]),
    st.sampled_from(PATHS) | st.text(max_size=20),
    queries,
)
def test_no_request_is_too_strange_to_be_answered(
    settings: dict[str, Any], method: str, path: str, query: str
) -> None:
    headers = {"Authorization": "Bearer sim-key", "apikey": "sim-key"}
    query += "&api_key=sim-key&apikey=sim-key&apiKey=sim-key&token=sim-key"

    status, _ = handled(Request(method, path, query, headers), settings)

    assert 200 <= status < 600


@pytest.mark.parametrize("settings", FACES, ids=lambda settings: "-".join(settings.values()))
def test_every_refusal_has_its_words(settings: dict[str, Any]) -> None:
    face = face_of(SimulatorConfig.model_validate(settings))
    call = FaceCall(face.read(Request("GET", "/", "", {})).operation, "getStatus")

    replies = {problem: face.refuse(call, Denied(problem), START) for problem in DenialReason}

    assert all(reply.status < 600 for reply in replies.values())
    assert replies[DenialReason.UNAVAILABLE].status == 503
    assert replies[DenialReason.BAD_KEY] != replies[DenialReason.UNKNOWN_ID]


@pytest.mark.parametrize("settings", FACES, ids=lambda settings: "-".join(settings.values()))
def test_a_face_knows_its_own_ids_again(settings: dict[str, Any]) -> None:
    config = SimulatorConfig.model_validate(settings)
    face = face_of(config)
    number = Engine(config, face.terms).rent(BuyerOrder(service="tg", country="0"), START)

    assert isinstance(number, SimulatedNumber)
    assert face.number_id(face.ref(number)) == number.id
    assert face.number_id("x" * 32) is None


@given(st.text(alphabet="ab=&%+; 25", max_size=30))
def test_a_query_is_read_as_the_standard_library_reads_it(query: str) -> None:
    read = {
        name: value
        for name, value in Request("GET", "/", query, {}).arguments().items()
        if name or value
    }

    assert read == {
        name: value
        for name, value in dict(parse_qsl(query, keep_blank_values=True)).items()
        if name or value
    }


@given(st.integers(0, 10**15))
def test_an_amount_is_written_and_read_without_loss(minor: int) -> None:
    assert amount(price(minor)) == minor
    assert orjson.dumps(figure(minor)).decode() == price(minor)


@pytest.mark.parametrize("raw", ["", "x", "-1", "1.x", "١", "1e3", None])  # noqa: RUF001 - another digit
def test_an_amount_nobody_can_read_is_none(raw: str | None) -> None:
    assert amount(raw) is None
    assert number_id(raw) is None
