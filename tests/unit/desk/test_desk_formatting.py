"""How the desk writes money, instants and text, and reads what people type."""

import hashlib
import re
from datetime import timedelta
from pathlib import Path

import pytest

import worker.entrypoints.desk
from tests.unit.http.fakes import NOW
from worker.domain.policy.fact_readers import READERS, BadFact
from worker.entrypoints.desk.formatting import (
    BadAmount,
    away,
    minor_in,
    money,
    plain,
    visible,
    without_codes,
)
from worker.entrypoints.desk.waiting_page import LISTS, findings_in
from worker.lifecycle.cases.fact_sources import FINDINGS

STATIC = Path(worker.entrypoints.desk.__file__).parent / "static"


def test_what_is_told_outside_shows_no_code_wherever_it_stands() -> None:
    told = {"codes": [{"code": "1234", "number": 1}], "text": None}
    refused = {"reason": "no_json", "payload": {"sms": "1234"}, "body_base64": "MTIzNA=="}

    assert without_codes(told) == {"codes": [{"code": "••••••", "number": 1}], "text": None}
    assert without_codes(refused) == {
        "reason": "no_json",
        "payload": "••••••",
        "body_base64": "••••••",
    }


def test_money_is_written_in_the_digits_of_its_currency() -> None:
    written = [money(123_450, "USD"), money(-5, "USD"), money(5000, "JPY"), money(1, "KWD")]

    assert written == ["1,234.50 USD", "-0.05 USD", "5,000 JPY", "0.001 KWD"]


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("1.20", "USD", 120),
        (" 7 ", "USD", 700),
        ("1.2 USD", "USD", 120),
        ("12", "JPY", 12),
        ("", "USD", None),
    ],
)
def test_an_amount_is_read_as_it_is_typed(typed: str, currency: str, minor: int | None) -> None:
    assert minor_in(typed, currency) == minor


@pytest.mark.parametrize(
    "typed", ["1,000", "1,20", "0", "-1", "1.234", "1e3", "\u0661", "abc", "9" * 17]
)
def test_what_could_be_another_amount_is_refused(typed: str) -> None:
    with pytest.raises(BadAmount):
        minor_in(typed, "USD")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3 * 3600 + 59, "in 3 h"),
        (-90, "1 min ago"),
        (2, "now"),
        (47 * 3600, "in 47 h"),
        (-49 * 3600, "2 d ago"),
    ],
)
def test_a_deadline_is_as_near_as_a_person_needs_it(seconds: int, words: str) -> None:
    at = NOW + timedelta(seconds=seconds)

    assert away(at.isoformat(), NOW).replace("\u00a0", " ") == words


def test_what_cannot_be_seen_is_made_visible() -> None:
    shown = visible("a\x00b\x1b[31m\u202eevil\x7f\u0085\n\u05e9\u05dc\u05d5\u05dd\U0001f600")

    assert shown == "a␀b␛[31m⟨U+202E⟩evil␡⟨U+0085⟩\n\u05e9\u05dc\u05d5\u05dd\U0001f600"


def test_facts_are_written_for_people() -> None:
    fact = {
        "asked_at": "2026-01-01T00:00:00.000000Z",
        "evidence": ["photo"],
        "paid": False,
        "sum": None,
    }

    assert (
        plain(fact) == "asked at: 2026-01-01 00:00:00 UTC, evidence: photo, paid: no, sum: \u2013"
    )


def test_findings_are_read_line_by_line() -> None:
    assert findings_in("freeze_seen = yes\n\nsum=12\nwhy = a = b") == {
        "freeze_seen": True,
        "sum": 12,
        "why": "a = b",
    }
    with pytest.raises(ValueError, match="nonsense"):
        findings_in("nonsense")


def test_a_finding_of_several_words_is_a_list_and_none_is_no_word() -> None:
    assert findings_in("account_flags = fraud_confirmed, complaint_provider\n") == {
        "account_flags": ["fraud_confirmed", "complaint_provider"],
    }
    assert findings_in("outage_verified = null") == {"outage_verified": None}
    assert findings_in("outage_verified = None") == {"outage_verified": None}
    for nothing in ("", "none", "null", ","):
        assert findings_in(f"account_flags = {nothing}") == {"account_flags": []}


def test_the_desk_knows_which_findings_are_lists() -> None:
    def is_list(name: str) -> bool:
        try:
            READERS[name]([])
        except BadFact:
            return False
        return True

    assert set(filter(is_list, FINDINGS)) == LISTS


def test_the_library_in_the_pages_is_the_one_whose_licence_stands_beside_it() -> None:
    licence = (STATIC / "htmx.LICENSE.txt").read_text()
    digest = hashlib.sha256((STATIC / "htmx.min.js").read_bytes()).hexdigest()

    assert f"SHA-256 {digest}" in licence
    assert "Zero-Clause BSD" in licence


def test_no_page_asks_another_host_for_anything_nor_has_script_or_style_within() -> None:
    pages = sorted((STATIC.parent / "templates").glob("*.html"))
    texts = {page.name: page.read_text() for page in pages}

    assert [name for name, text in texts.items() if re.search(r"https?://|//\w+\.\w+/", text)] == []
    assert [
        name
        for name, text in texts.items()
        if re.search(r"<style|<script(?! src=)| style=| on\w+=", text)
    ] == []
