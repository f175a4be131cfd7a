"""A push names a number to look at, and nothing in it is believed beyond that."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.providers.pushes import PUSH_MAX, UnreadablePush
from worker.adapters.providers.registry import parse_push
from worker.domain.families import capabilities_of, every_dialect

CLASSIC = {
    "activationId": 123456,
    "service": "go",
    "text": "Sms text",
    "code": "12345",
    "country": 2,
    "receivedAt": "2023-01-01 12:00:00",
}
HERO = CLASSIC | {
    "activationId": "123456",
    "phoneFrom": "Sender",
    "code": None,
    "receivedAt": "2026-02-18T16:11:33+00:00",
}
ONLINESIM = {
    "user_id": 1,
    "country_code": "46",
    "number": "+46739000000",
    "sender": "Viber",
    "message": "Code 4711",
    "time_start": 1700000000,
    "time_left": 281,
    "operation_id": 10000,
    "webhook_type": "receiving_sms",
    "code": 987654,
}


SMSPOOL = {
    "orderid": "ABCDEFGH",
    "sms": "12345",
    "full_sms": "Code 12345",
    "timestamp": "2026-09-04 04:30:00am",
}
TEXTVERIFIED = {
    "id": "evt_1",
    "event": "v2.sms.received",
    "attempt": 1,
    "occurredAt": "2026-03-01T12:00:00+00:00",
    "idempotencyKey": "sms_1",
    "data": {
        "id": "1",
        "from": None,
        "to": "2025550123",
        "createdAt": "2026-03-01T12:00:00+00:00",
        "smsContent": "Code 12345",
        "parsedCode": "12345",
        "encrypted": False,
        "reservationId": "lr_1",
    },
}
DAISYSMS = CLASSIC | {"activationId": 123, "messageId": 999, "receivedAt": "2022-06-01 17:30:57"}


def raw(body: Any) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("family", "dialect", "body", "expected"),
    [
        ("handler_api", "classic", CLASSIC, ("123456", None, "go")),
        ("handler_api", "smsbower", CLASSIC, ("123456", None, "go")),
        ("handler_api", "hero", HERO, ("123456", None, "go")),
        (
            "handler_api",
            "grizzly",
            {"activationId": 5, "code": "1", "text": "t"},
            ("5", None, None),
        ),
        ("handler_api", "daisysms", DAISYSMS, ("123", None, "go")),
        ("smspool", "classic", SMSPOOL, ("ABCDEFGH", None, None)),
        ("textverified", "classic", TEXTVERIFIED, ("lr_1", "12025550123", None)),
        ("onlinesim", "classic", ONLINESIM, ("10000", "46739000000", None)),
    ],
)
def test_the_number_is_found(
    family: str, dialect: str, body: Any, expected: tuple[str | None, ...]
) -> None:
    (push,) = parse_push(family, dialect, raw(body))

    assert (push.ref, push.phone, push.service) == expected


def test_another_try_of_the_same_push_has_the_same_hash() -> None:
    (first,) = parse_push("handler_api", "classic", raw(CLASSIC))
    (again,) = parse_push("handler_api", "classic", raw(dict(reversed(CLASSIC.items()))))

    assert first == again


@pytest.mark.parametrize(
    ("key", "value"),
    [("activationId", 7), ("text", "x"), ("code", "x"), ("receivedAt", "2023-01-01 12:00:01")],
)
def test_another_sms_has_another_hash(key: str, value: object) -> None:
    (first,) = parse_push("handler_api", "classic", raw(CLASSIC))
    (other,) = parse_push("handler_api", "classic", raw(CLASSIC | {key: value}))

    assert first.content_hash != other.content_hash


def test_two_sms_with_the_same_words_differ_by_their_id_where_they_have_one() -> None:
    (first,) = parse_push("handler_api", "daisysms", raw(DAISYSMS))
    (other,) = parse_push("handler_api", "daisysms", raw(DAISYSMS | {"messageId": 1000}))

    assert first.content_hash != other.content_hash


def test_two_sms_of_one_operation_differ_by_their_id() -> None:
    (first,) = parse_push("onlinesim", "classic", raw(ONLINESIM))
    (other,) = parse_push("onlinesim", "classic", raw(ONLINESIM | {"code": 987655}))

    assert first.content_hash != other.content_hash


@pytest.mark.parametrize(
    ("family", "body"),
    [
        ("handler_api", {"rentId": 5, "sms": {"phoneFrom": "x", "text": "t", "date": "d"}}),
        ("onlinesim", ONLINESIM | {"webhook_type": "rent_sms"}),
        ("textverified", TEXTVERIFIED | {"event": "v2.rental.billingcycle.expired"}),
    ],
)
def test_sms_of_long_rentals_are_about_no_activation(family: str, body: Any) -> None:
    assert parse_push(family, "classic", raw(body)) == []


@pytest.mark.parametrize(
    ("family", "dialect"),
    [
        (family, dialect or "classic")
        for family, dialect in every_dialect()
        if not capabilities_of(family, dialect).push
    ],
)
def test_who_pushes_nothing_is_not_listened_to(family: str, dialect: str) -> None:
    with pytest.raises(UnreadablePush):
        parse_push(family, dialect, raw(CLASSIC))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"{}",
        raw({"activationId": True}),
        b"\xff",
        b" " * PUSH_MAX + b"{}",
        b'{"activationId": 1, "text": ' + b"[" * 300 + b"]" * 300 + b"}",
    ],
)
def test_what_cannot_be_read_is_refused_without_being_quoted(body: bytes) -> None:
    with pytest.raises(UnreadablePush) as raised:
        parse_push("handler_api", "classic", body)

    assert body.decode(errors="replace") not in str(raised.value) or not body


@given(st.sampled_from(["handler_api", "onlinesim"]), st.binary(max_size=200))
def test_any_bytes_are_pushes_or_refused(family: str, body: bytes) -> None:
    try:
        pushes = parse_push(family, "classic", body)
    except UnreadablePush:
        return

    assert all(push.ref for push in pushes)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from([*CLASSIC, *ONLINESIM, "rentId"]), json_values, min_size=1, max_size=8
    )
)
def test_any_values_are_pushes_or_refused(body: Any) -> None:
    for family in ("handler_api", "onlinesim"):
        try:
            pushes = parse_push(family, "classic", raw(body))
        except UnreadablePush:
            continue
        assert all(len(push.content_hash) == 64 for push in pushes)
