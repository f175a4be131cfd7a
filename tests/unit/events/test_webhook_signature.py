"""Signatures that any Standard Webhooks receiver accepts."""

import base64
from datetime import UTC, datetime

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.events.webhook import BadSecret, Signer

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OTHER = "whsec_" + base64.b64encode(bytes(24)).decode()

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.binary(min_size=24, max_size=64), st.from_regex(r"[a-z:_-]{1,40}", fullmatch=True), texts)
def test_the_signature_is_the_oracles(key: bytes, id_: str, body: str) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    at = datetime(2026, 1, 1, tzinfo=UTC)

    signed = Signer(secret).sign(id_, int(at.timestamp()), body.encode())

    assert signed == standardwebhooks.Webhook(secret).sign(id_, at, body)


def test_the_example_of_the_specification_is_signed_as_there() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    signed = Signer(secret).sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_replaced_both_sign() -> None:
    both = Signer(f"{SECRET} {OTHER}").sign("id", 1, b"{}")

    assert both == f"{Signer(SECRET).sign('id', 1, b'{}')} {Signer(OTHER).sign('id', 1, b'{}')}"


def test_a_secret_without_its_padding_is_the_same_secret() -> None:
    assert SECRET.endswith("=")
    assert Signer(SECRET.rstrip("=")).sign("id", 1, b"") == Signer(SECRET).sign("id", 1, b"")


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "whsec_",
        base64.b64encode(KEY).decode(),
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        "whsec_not*base64*at*all*not*base64*at*all",
        "whsec_äöü",
        f"{SECRET} nonsense",
    ],
)
def test_what_is_no_secret_is_refused_without_repeating_it(wrong: str) -> None:
    with pytest.raises(BadSecret) as refused:
        Signer(wrong)

    assert str(refused.value) == "a webhook secret is whsec_ and base64 of 24 to 64 bytes"
    assert refused.value.__cause__ is None
