"""Nothing that opens an account, names a person or is worth money gets through a log line."""

import io
import json
import logging
from collections.abc import Iterator
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.telemetry.logs import (
    _SECRETS,
    QUIET,
    STRUCK,
    _strike,
    configure_logging,
    formatter,
    logger,
    redacted,
    redacted_text,
)

KEY = "4f5f1e0c9b7a4d1ea1b2"
PHONE = "79991234567"


@pytest.mark.parametrize(
    "text",
    [
        f"GET /stubs/handler_api.php?api_key={KEY}&action=getStatus",
        f"Authorization: Bearer {KEY}",
        f"authorization: basic {KEY}==",
        f"{{'api_key': '{KEY}'}}",
        f'{{"token": "{KEY}"}}',
        f"postgresql://worker:{KEY}@127.0.0.1/worker",
        f"secret = whsec_{KEY}",
        f"signed with whsec_{KEY}/+=",
        f"https://example.test/?token={KEY}",
    ],
)
def test_a_key_is_struck_out_wherever_it_stands(text: str) -> None:
    said = redacted_text(text)

    assert KEY not in said
    assert STRUCK in said


@pytest.mark.parametrize(
    "text",
    [
        f"sent to {PHONE}",
        f"+{PHONE}",
        "+7 999 123-45-67",
        "+1 (202) 555-01-23",
        "ACCESS_NUMBER:234242:79991234567",
        f"phone={PHONE};",
    ],
)
def test_a_phone_is_struck_out(text: str) -> None:
    digits = "".join(character for character in redacted_text(text) if character.isdigit())

    assert len(digits) < 5


@pytest.mark.parametrize("text", ["STATUS_OK:4821", "STATUS_WAIT_RETRY:4821", "FULL_SMS: 4821"])
def test_a_code_in_a_providers_words_is_struck_out(text: str) -> None:
    assert "4821" not in redacted_text(text)


@pytest.mark.parametrize("field", ["code", "codes", "text", "phone", "api_key", "Api-Key", "token"])
def test_a_field_that_names_a_secret_is_struck_out_whatever_it_holds(field: str) -> None:
    assert redacted(field, "4821") == STRUCK
    assert redacted("outer", {field: 4821}) == {field: STRUCK}


@pytest.mark.parametrize(
    "text",
    [
        "3f2b8c1e-0a4d-5b52-9a34-123456789012",
        "2026-01-01T00:00:00.000000Z",
        "activation.settled",
        "12 of 500 in 3.25 s, 250000 us",
        "http://127.0.0.1:8081/stubs",
        "HTTP 503",
    ],
)
def test_what_ops_need_is_left_alone(text: str) -> None:
    assert redacted_text(text) == text


@given(st.uuids())
def test_no_id_of_ours_is_ever_mistaken_for_a_phone(id_: UUID) -> None:
    assert redacted_text(f"activation {id_} settled") == f"activation {id_} settled"


@given(
    st.text(),
    st.from_regex(r"[1-9][0-9]{9,13}", fullmatch=True),
    st.sampled_from([" ", ":", "=", ",", '"', "(", "/"]),
)
def test_a_phone_in_any_text_is_struck_out(before: str, phone: str, between: str) -> None:
    assert phone not in redacted_text(f"{before}{between}{phone}{between}")


@given(st.text() | st.from_regex(_SECRETS))
def test_whatever_would_be_struck_out_is_looked_at(text: str) -> None:
    assert redacted_text(text) == _SECRETS.sub(_strike, text)


def test_numbers_and_nothing_are_left_alone() -> None:
    fields = {"count": 79991234567, "ratio": 0.5, "ok": True, "none": None, "ids": ["a", "b"]}

    assert {name: redacted(name, value) for name, value in fields.items()} == fields


def test_a_structure_too_deep_is_struck_out_whole() -> None:
    deep: object = PHONE
    for _ in range(10):
        deep = [deep]

    assert PHONE not in json.dumps(redacted("deep", deep))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def untouched_logging() -> Iterator[None]:
    """Logging belongs to the process: put it back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in QUIET}
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.mark.usefixtures("untouched_logging")
def test_off_a_terminal_each_line_is_one_json_object() -> None:
    stream = io.StringIO()
    configure_logging(stream)
    logger("lifecycle").warning("provider.unknown_reply", provider="alpha", detail=PHONE)
    logging.getLogger("library").error("it said %s\nand %s", PHONE, f"api_key={KEY}")

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]

    assert lines[0].pop("timestamp").endswith("Z")
    assert lines[0] == {
        "event": "provider.unknown_reply",
        "provider": "alpha",
        "detail": STRUCK,
        "level": "warning",
        "logger": "lifecycle",
    }
    assert (lines[1]["logger"], lines[1]["level"]) == ("library", "error")
    assert PHONE not in stream.getvalue()
    assert KEY not in stream.getvalue()


@pytest.mark.usefixtures("untouched_logging")
def test_below_the_level_nothing_is_written_and_what_is_bound_is_in_every_line() -> None:
    stream = io.StringIO()
    configure_logging(stream, level="warning")
    log = logger("lifecycle").bind(provider="alpha")
    log.info("activation.settled")
    log.error("job.failed", job="watch")

    (line,) = (json.loads(line) for line in stream.getvalue().splitlines())

    assert (line["event"], line["provider"], line["job"]) == ("job.failed", "alpha", "watch")


@pytest.mark.usefixtures("untouched_logging")
def test_a_line_that_cannot_be_written_stops_nobody() -> None:
    stream = io.StringIO()
    configure_logging(stream)
    stream.close()

    logger("lifecycle").warning("provider.unknown_reply")


class Unspeakable:
    def __str__(self) -> str:
        raise ValueError(PHONE)


@pytest.mark.usefixtures("untouched_logging")
def test_what_json_cannot_say_is_said_otherwise_and_stops_nobody() -> None:
    stream = io.StringIO()
    configure_logging(stream)
    for why in (f"cut \udcff, {PHONE}\udcff", 2**70, Unspeakable(), {f"\udcff{PHONE}": [-(2**70)]}):
        logger("worker").warning("provider.look_failed", why=why, phone=2**70)

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]

    assert [line["event"] for line in lines] == ["provider.look_failed"] * 4
    assert lines[0]["why"] == f"cut ?, {STRUCK}?"
    assert PHONE not in stream.getvalue()
    assert str(2**70) not in stream.getvalue()


@pytest.mark.usefixtures("untouched_logging")
def test_on_a_terminal_lines_are_for_people_and_still_hold_no_secret() -> None:
    stream = Terminal()
    configure_logging(stream)
    logger("lifecycle").warning("provider.unknown_reply", detail=PHONE)

    assert "provider.unknown_reply" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
    assert PHONE not in stream.getvalue()


@pytest.mark.usefixtures("untouched_logging")
@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_a_traceback_holds_no_secret(stream: io.StringIO) -> None:
    configure_logging(stream)
    try:
        int(f"api_key={KEY}&phone={PHONE}")
    except ValueError:
        logger("lifecycle").exception("worker.crashed")

    assert "ValueError" in stream.getvalue()
    assert KEY not in stream.getvalue()
    assert PHONE not in stream.getvalue()


@pytest.mark.usefixtures("untouched_logging")
def test_the_chatter_of_libraries_is_left_out() -> None:
    stream = io.StringIO()
    configure_logging(stream, level="info")
    for name in QUIET:
        logging.getLogger(name).info("chatter")

    assert stream.getvalue() == ""


def test_a_value_json_does_not_know_is_written_as_text() -> None:
    record = logging.LogRecord("worker", logging.INFO, __file__, 1, "x %s", (UUID(int=1),), None)

    assert json.loads(formatter(terminal=False).format(record))["event"] == f"x {UUID(int=1)}"
