"""Whatever bytes come back, a reader answers in the port's words and invents no ending.

A cancel or a code is only ever told where the reply says so: with a 2xx, and in so many words.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from worker.adapters.providers.fivesim import FiveSimReplies
from worker.adapters.providers.handler_dialects import DIALECTS
from worker.adapters.providers.handler_replies import HandlerReplies
from worker.adapters.providers.onlinesim import OnlineSimReplies
from worker.adapters.providers.reply import Reply, understood
from worker.adapters.providers.smsman import SmsManReplies
from worker.adapters.providers.smspva import TOLD_BY_5XX, SmsPvaReplies
from worker.adapters.providers.vaksms import VakSmsReplies
from worker.ports.errors import ProviderError
from worker.ports.provider import ActivePage, Cancelled, CodesArrived, Finished, Refused, Sms

EXAMPLES = 2500
GOLDEN = Path(__file__).parents[1] / "golden" / "providers"

READERS: dict[str, Any] = {
    f"handler_api-{name}": HandlerReplies("acme", dialect, "USD")
    for name, dialect in DIALECTS.items()
} | {
    "fivesim": FiveSimReplies("acme", "USD"),
    "onlinesim": OnlineSimReplies("acme", "USD"),
    "smspva": SmsPvaReplies("acme", "USD"),
    "vaksms": VakSmsReplies("acme", "RUB"),
    "smsman": SmsManReplies("acme", "USD"),
}
OPERATIONS = ("look", "cancel", "closed", "finish", "ask_again", "rent", "balance", "page")
#: What a reply must contain for a reader to call a number cancelled.
CANCEL_WORDS: dict[str, tuple[bytes, ...]] = {
    "handler_api": (b"STATUS_CANCEL", b"ACCESS_CANCEL", b"STATUS_REVOKE"),
    "fivesim": (b"CANCELED", b"TIMEOUT", b"BANNED"),
    "onlinesim": (b"TZ_OVER_EMPTY",),
    "smspva": (b"200",),
    "vaksms": (b"ready", b"update"),
    "smsman": (b"true",),
}

golden_entries = [
    entry
    for file in sorted(GOLDEN.glob("*.json"))
    for entry in json.loads(file.read_text(encoding="utf-8"))
]
bodies: list[str] = sorted({entry["body"] for entry in golden_entries})
words = sorted({word for body in bodies for word in body.replace(":", '"').split('"')} - {""})
keys = ["id", "status", "sms", "smsCode", "sms_code", "error", "error_code", "success", "response"]
keys += ["tzid", "msg", "data", "Data", "orders", "orderId", "statusCode", "activeActivations"]
keys += ["activationId", "phoneNumber", "number", "tel", "idNum", "balance", "title", "info"]
keys += ["original", "code", "text", "fullText", "request_id", "orderExpireIn", "activationCost"]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.sampled_from(words)
    | st.text(max_size=12)
    | st.sampled_from(["1e999999999", "NaN", "-0", "0.1", "9" * 400, "\x00", "12:34", ""])
)
structures = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(keys), inner, max_size=6)
    ),
    max_leaves=20,
).map(lambda value: json.dumps(value).encode())


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A real reply, cut, glued to another, or with some of its bytes changed."""
    body: bytes = draw(st.sampled_from(bodies)).encode()
    match draw(st.integers(0, 4)):
        case 0:
            return body
        case 1:
            return body[: draw(st.integers(0, len(body)))]
        case 2:
            other: bytes = draw(st.sampled_from(bodies)).encode()
            return body + other
        case 3:
            before: bytes = draw(st.sampled_from([b'"', b"'", b" ", b"<", b"\xef\xbb\xbf"]))
            return before + body
        case _:
            at = draw(st.integers(0, len(body)))
            return body[:at] + draw(st.binary(min_size=1, max_size=3)) + body[at + 1 :]


replies = st.builds(
    Reply,
    st.sampled_from([200, 201, 202, 204, 301, 302, 400, 401, 403, 404, 406, 407, 409, 410, 411])
    | st.integers(100, 599),
    st.one_of(
        spoiled(),
        structures,
        st.sampled_from(words).map(str.encode),
        st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")),
        st.binary(max_size=120),
        st.integers(1, 5000).map(lambda depth: b"[" * depth),
        st.integers(1, 5000).map(lambda depth: b'{"data":' * depth),
    ),
    st.none() | st.floats(0, 10**6),
)
fuzzed = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def answer_of(name: str, operation: str, reply: Reply) -> object:
    """What the reader makes of it; None also where it raises one of the port's errors."""
    read: Callable[[Reply], object] | None = getattr(READERS[name], operation, None)
    if read is None:
        return None
    told = TOLD_BY_5XX if name == "smspva" else frozenset[int]()
    try:
        return understood("acme", reply, read, told)
    except ProviderError:
        return None


def texts_in(value: object) -> list[str]:
    """Every text and integer of a JSON value, as a customer could be shown it."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts_in(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts_in(inner)]
    return [str(value)] if isinstance(value, str | int) else []


def is_in(code: str, body: bytes) -> bool:
    if code in body.decode("utf-8", "replace"):
        return True
    try:
        return any(code in text for text in texts_in(json.loads(body)))
    except ValueError:
        return False


def sms_told_by(answer: object) -> tuple[Sms, ...]:
    match answer:
        case CodesArrived(sms=sms) | Finished(sms=sms) | Refused(sms=sms):
            return sms
        case ActivePage(rows=rows):
            return tuple(sms for row in rows for sms in row.sms)
        case _:
            return ()


@fuzzed
@given(st.sampled_from(sorted(READERS)), st.sampled_from(OPERATIONS), replies)
@example("handler_api-classic", "look", Reply(200, b"STATUS_CANCEL\x00"))
@example("handler_api-hero", "cancel", Reply(409, b'{"title":["OTP_RECEIVED"]}'))
@example("fivesim", "balance", Reply(200, b'{"balance":1e999999}'))
@example("smspva", "rent", Reply(200, b'{"statusCode":200,"data":{"orderId":true}}'))
@example("vaksms", "cancel", Reply(200, b'{"status":["ready"]}'))
def test_no_reply_is_read_as_more_than_it_says(name: str, operation: str, reply: Reply) -> None:
    answer = answer_of(name, operation, reply)

    if isinstance(answer, Cancelled):
        assert 200 <= reply.status < 300
        assert any(word in reply.body for word in CANCEL_WORDS[name.partition("-")[0]])
    if isinstance(answer, CodesArrived | Finished):
        assert 200 <= reply.status < 300
    if isinstance(answer, CodesArrived):
        assert answer.sms
    for sms in sms_told_by(answer):
        assert sms.code
        assert is_in(sms.code, reply.body)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("status", [301, 302, 307, 500, 502, 503, 504, 599])
def test_no_redirect_and_no_server_error_ends_a_number(name: str, status: int) -> None:
    for body in bodies:
        for operation in ("look", "cancel"):
            answer = answer_of(name, operation, Reply(status, body.encode()))
            assert not isinstance(answer, Cancelled | CodesArrived | Finished)


@pytest.mark.parametrize("name", READERS)
def test_a_cut_reply_never_ends_a_number_that_the_whole_one_does_not(name: str) -> None:
    """Cutting can only lose what was said; a code may be shortened, an ending not invented."""
    for entry in golden_entries:
        whole = entry["body"].encode()
        ends = isinstance(answer_of(name, "look", Reply(200, whole)), Cancelled)
        for length in range(len(whole)):
            cut = answer_of(name, "look", Reply(200, whole[:length]))
            assert ends or not isinstance(cut, Cancelled) or whole[:length].decode() in bodies
