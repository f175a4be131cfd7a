"""Whatever comes back, an adapter answers in the port's words and invents no ending and no code.

At least 3,000 replies, by hypothesis; `make fuzz` goes on with a million that look for new paths.
"""

import json
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.adapters import ADAPTERS, Adapter, Call
from tests.fuzz.mutations import SEEDS, STATUSES, WORDS, crossed, drawn, seeds_of
from tests.fuzz.oracles import claims_of, complaints
from worker.adapters.providers.reply import Reply
from worker.domain.price_fate import PriceFate
from worker.ports.provider import CodesArrived, Ended

REPLIES = 3_000
LONG = 200  #: Bytes; a longer reply is not cut at each of them.
STRIDE = 7
CALLS_AN_EXAMPLE = 10  #: One at a time, hypothesis would take most of the time itself.
EXAMPLES = -(-REPLIES // (CALLS_AN_EXAMPLE * len(ADAPTERS)))

fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
every_adapter = pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)


def complaints_about(adapter: Adapter, call: Call) -> list[str]:
    return complaints(adapter, call, adapter.ask(call))


@every_adapter
@fuzzed
@given(st.randoms(use_true_random=False))
def test_no_spoiled_reply_is_read_as_more_than_it_says(adapter: Adapter, random: Random) -> None:
    for _ in range(CALLS_AN_EXAMPLE):
        call = drawn(random, adapter)
        assert complaints_about(adapter, call) == [], call_in_words(call)


def call_in_words(call: Call) -> str:
    return f"{call.operation}: {[(reply.status, reply.body) for reply in call.replies]}"


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=12)
)
structures = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6)
    ),
    max_leaves=20,
).map(lambda value: json.dumps(value).encode())
replies = st.builds(
    Reply,
    st.sampled_from(STATUSES) | st.integers(100, 599),
    structures
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
    | st.binary(max_size=120)
    | st.integers(1, 5000).map(lambda depth: b"[" * depth),
    st.none() | st.floats(0, 10**6),
)


@fuzzed
@given(st.lists(replies, min_size=1, max_size=3).map(tuple))
@example((Reply(200, b"STATUS_CANCEL\x00"),))
@example((Reply(409, b'{"title":["OTP_RECEIVED"]}'),))
@example((Reply(200, b'{"balance":1e999999}'),))
@example((Reply(200, b'{"statusCode":200,"data":{"orderId":true}}'),))
@example((Reply(200, b'{"status":["ready"]}'),))
def test_nothing_made_from_nothing_is_read_as_more_than_it_says(
    replies: tuple[Reply, ...],
) -> None:
    for adapter in ADAPTERS.values():
        for operation in adapter.operations:
            call = Call(operation, replies)
            assert complaints_about(adapter, call) == [], call_in_words(call)


@every_adapter
def test_the_oracles_accept_what_was_really_seen(adapter: Adapter) -> None:
    answers = [adapter.ask(call).answer for call in seeds_of(adapter)]

    assert [complaints_about(adapter, call) for call in seeds_of(adapter)] == [[]] * len(answers)
    # And what they guard is among it.
    assert {"given back", "code", "kept"} <= set().union(*map(claims_of, answers))


@every_adapter
def test_no_reply_to_another_question_is_read_as_more_than_it_says(adapter: Adapter) -> None:
    for call in crossed(adapter):
        assert complaints_about(adapter, call) == [], call_in_words(call)


FOUND: list[tuple[str, str, int, str]] = [
    # A message that is an integer, or a list of bare ones, was none: the number was cancelled.
    ("onlinesim", "look", 200, '[{"response": "TZ_OVER_EMPTY", "tzid": 1, "msg": 4711}]'),
    ("onlinesim", "look", 200, '[{"response": "TZ_OVER_EMPTY", "tzid": 1, "msg": ["4711"]}]'),
    ("fivesim", "look", 200, '{"id": 1, "status": "CANCELED", "sms": {"code": "4711"}}'),
    # A status of any length was in the error, and so in the log.
    ("smspva", "look", 200, '{"statusCode": 79991234567}'),
    # Words that are no texts were caught by the net under all readers only.
    ("vaksms", "look", 200, '{"error": []}'),
    ("smsman", "look", 200, '{"error_code": {}}'),
    ("fivesim", "history", 200, '{"Data": [{"id": 1, "status": {}}]}'),
]


@pytest.mark.parametrize(("name", "operation", "status", "body"), FOUND)
def test_what_fuzzing_found_stays_found(name: str, operation: str, status: int, body: str) -> None:
    call = Call(operation, (Reply(status, body.encode()),))

    assert complaints_about(ADAPTERS[name], call) == []


FOUND_IN_TURN: list[tuple[str, str, list[str]]] = [
    # An SMS somewhere else in the reply is none of this order.
    ("smspool", "look", ['{"status": 6, "other": {"sms": {"code": "7"}}}']),
    # What is no text was no SMS: the number was given back.
    ("smspool", "look", ['{"status": 6, "sms": {"code": "4711"}}']),
    ("smspool", "look", ['{"status": 6, "full_sms": ["4711"]}']),
    (
        "smspool",
        "history",
        ['[{"order_code": "77", "status": "refunded", "code": {"x": "4711"}, "full_code": ""}]'],
    ),
    # Nothing but quotes is a text like any other.
    ("smspool", "look", ['{"status": 3, "sms": "", "full_sms": "\\"\\""}']),
    # So long a code has no country: the phone would be nobody's.
    (
        "smspool",
        "rent",
        ['{"success": 1, "cc": "178901", "phonenumber": "2345678901", "order_id": "ABCDEFGH"}'],
    ),
    # What should be the id of a sale was in the error, and may be a phone.
    ("textverified", "rental_open", ['{"href": "2025550120"}', '{"state": "saleless"}']),
    ("textverified", "rental_open", ['{"href": "1e999999999"}']),
    # A row of the history has a link to its SMS, also where none came.
    (
        "textverified",
        "history",
        [
            (
                '{"data": [{"id": "lr_2", "createdAt": "2026-03-01T12:02:00Z", "sms": {"href": ""},'
                ' "state": "verificationCanceled"}]}'
            ),
        ],
    ),
    # An SMS that was there before the report.
    (
        "textverified",
        "report",
        [
            '{"id": "lr_77", "state": "verificationCompleted"}',
            '{"data":[{"to":"2025550123", "createdAt": "2026-03-01T12:02:00Z", "parsedCode":"4"}]}',
        ],
    ),
]


def test_no_refund_is_told_in_any_coding_of_json() -> None:
    told = '{"id": "lr_77", "state": "nonrenewableActive", "number": "2025550100",'
    told += ' "endsAt": "12:34", "refund": {"canRefund": false}}'
    replies = Reply(400, b""), Reply(200, told.encode("utf-16"))

    assert complaints_about(ADAPTERS["textverified"], Call("rental_close", replies)) == []


@pytest.mark.parametrize(("name", "operation", "bodies"), FOUND_IN_TURN)
def test_what_fuzzing_found_in_several_replies_stays_found(
    name: str, operation: str, bodies: list[str]
) -> None:
    call = Call(operation, tuple(Reply(200, body.encode()) for body in bodies))

    assert complaints_about(ADAPTERS[name], call) == []


@every_adapter
@pytest.mark.parametrize("status", [301, 302, 307, 500, 502, 503, 504, 599])
def test_no_redirect_and_no_server_error_ends_a_number(adapter: Adapter, status: int) -> None:
    for seed in SEEDS:
        for operation in ("look", "cancel"):
            answer = adapter.ask(Call(operation, (Reply(status, seed.reply.body),))).answer
            assert not isinstance(answer, Ended | CodesArrived)


@every_adapter
def test_a_cut_reply_never_ends_a_number_that_the_whole_one_does_not(adapter: Adapter) -> None:
    """Cutting can only lose what was said; a code may be shortened, an ending not invented."""
    bodies = {seed.reply.body for seed in SEEDS}
    for whole in bodies:
        ends = is_cancelled(adapter, whole)
        for length in range(0, len(whole), 1 if len(whole) < LONG else STRIDE):
            assert ends or whole[:length] in bodies or not is_cancelled(adapter, whole[:length])


def is_cancelled(adapter: Adapter, body: bytes) -> bool:
    return adapter.ask(Call("look", (Reply(200, body),))).answer == Ended(PriceFate.GIVEN_BACK)
