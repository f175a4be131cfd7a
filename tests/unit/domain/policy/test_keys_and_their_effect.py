"""A key is refused when no question exists whose answer changes with its value, and only then."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.domain.policy.policy_texts import IDLE, NOTHING_IDLE, limit
from worker.domain.policy.checking import problems_in, problems_of
from worker.domain.policy.effect.search import keys_without_effect
from worker.domain.policy.language.loading import (
    policy_names,
    profile_from,
    shipped_policies,
)

GOLDEN = Path(__file__).parents[3] / "golden" / "policy_scenarios.json"
CASES = [case for case in json.loads(GOLDEN.read_text()) if "policy" in case]
DIFFERENT = {json.dumps(case["policy"], sort_keys=True): case for case in CASES}


def file_of(directory: Path, text: str) -> Path:
    file = directory / "shop.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("name", policy_names())
def test_the_shipped_policies_have_no_problem(name: str) -> None:
    assert problems_of(shipped_policies() / f"{name}.toml") == []


@pytest.mark.parametrize(
    "policy", [pytest.param(case["policy"], id=case["id"]) for case in DIFFERENT.values()]
)
def test_no_key_of_a_worked_case_is_refused(policy: dict[str, Any]) -> None:
    assert list(keys_without_effect(profile_from(policy, name="case", file="case"))) == []


@pytest.mark.parametrize("text", NOTHING_IDLE)
def test_a_key_that_decides_something_is_accepted(tmp_path: Path, text: str) -> None:
    assert problems_of(file_of(tmp_path, text)) == []


@pytest.mark.parametrize("year", ["2199", "7999", "8999"])
def test_a_policy_may_begin_late(tmp_path: Path, year: str) -> None:
    text = f'effective_from = "{year}-12-31T23:59:59Z"'
    assert problems_of(file_of(tmp_path, text)) == []


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        (f"effective_from = {year}-12-31T23:59:59Z", "effective_from", "must be an instant")
        for year in ("0001", "1969", "9000", "9999")
    ]
    + [
        (f"calendar.holidays = [{year}-12-31]", "calendar.holidays", "must be dates of the years")
        for year in ("0001", "1969", "9000", "9999")
    ],
)
def test_a_date_near_the_ends_of_the_calendar_is_refused(
    tmp_path: Path, text: str, key: str, problem: str
) -> None:
    automatic = 'sms.auto_credit_mode = "automatic"\nprocessing.credit_business_days = 3\n'
    (found,) = problems_of(file_of(tmp_path, automatic + text))

    assert found.key == key
    assert found.problem.startswith(problem)


@pytest.mark.parametrize(("text", "key", "needs"), IDLE)
def test_a_key_that_decides_nothing_is_refused_with_what_it_needs(
    tmp_path: Path, text: str, key: str, needs: str
) -> None:
    (problem,) = problems_of(file_of(tmp_path, text))

    assert problem.key == key
    assert problem.problem.startswith("decides nothing: ")
    assert needs in problem.problem
    assert problem.line is not None


@pytest.mark.parametrize(
    "text",
    [
        'cancel = { late = "wait", ratio_of = 10, over_limit = "wait", from_s = 0 }',
        'claims = { late = "deny", window_from = "purchase", form_for = "every" }',
        "claims.kinds.x = {}",
        'claims.kinds.x = { decided = "review", share_bp = 10000, before_sms = false }',
        'rental = { unit = "day", used_counts = "started", fee_minor = 0 }',
        'withdrawal = { destination = "client", decided = "review", email_must_match = false }',
        'outage.day_count = "complete_24h"\npayout.methods.card = {}',
        'labels.telegram = ["tg", "telegram"]',
    ],
)
def test_a_default_may_be_written(tmp_path: Path, text: str) -> None:
    assert problems_of(file_of(tmp_path, text)) == []


def test_problems_of_every_sort_are_reported_at_once(tmp_path: Path) -> None:
    text = "[cancel]\nfrom_s = 1300\n[sms]\nnews = 3\n[payout]\nfee_steps = [[0, 5]]\n"
    found = problems_of(file_of(tmp_path, text))
    assert [(problem.line, problem.key) for problem in found] == [
        (4, "sms.news"),
        (2, "cancel.from_s"),
        (6, "payout.fee_steps"),
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"sms.sms_window_s = 60\n\xff", "is no text in UTF-8: byte 22 cannot be read"),
        (b"x = " + b"[" * 2000 + b"]" * 2000, "is nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_read_has_one_problem(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    file = tmp_path / "shop.toml"
    file.write_bytes(content)

    assert [each.problem for each in problems_of(file)] == [problem]


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_bytes(b"\xef\xbb\xbfsms.sms_window_s = 60\n")

    assert problems_of(file) == []


def test_a_limit_of_a_kind_that_is_not_there_has_one_problem(tmp_path: Path) -> None:
    text = '[[limits]]\nof = "claims"\nper = "day"\nmax_count = 1\n'
    assert [each.key for each in problems_of(file_of(tmp_path, text))] == ["limits[0].of"]


@pytest.mark.parametrize(
    ("of", "problem"),
    [
        ("auto_credits", "has no row in claims.kinds; did you mean 'auto_credit'?"),
        ("gifts", "has no row in claims.kinds; did you mean 'gift'?"),
    ],
)
def test_beside_other_a_limit_on_a_name_like_a_known_one_is_refused(
    tmp_path: Path, of: str, problem: str
) -> None:
    kinds = 'claims.kinds = { gift = { decided = "grant" }, other = { decided = "grant" } }\n'
    text = (
        kinds
        + 'sms.auto_credit_mode = "automatic"\n'
        + limit(f'of = "{of}", per = "day", max_count = 1')
    )

    assert [each.problem for each in problems_of(file_of(tmp_path, text))] == [problem]


def test_what_could_not_be_read_is_no_missing_neighbour(tmp_path: Path) -> None:
    text = 'withdrawal = { mode = "balanc", decided = "grant" }'
    (problem,) = problems_of(file_of(tmp_path, text))
    assert problem.key == "withdrawal.mode"


def test_the_shipped_policies_are_checked_within_two_seconds() -> None:
    began = time.process_time()
    assert problems_in(shipped_policies()) == []
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (
            'claims.kinds.x = { decided = "evidence", evidence = ["video", "screenshoot"] }',
            "claims.kinds.x.evidence",
        ),
        (
            (
                'claims.kinds.x = { decided = "evidence" }\n'
                'when = [{ match.country = "de", claims.kinds.x.evidence = ["screenshoot"] }]'
            ),
            "when[0].claims.kinds.x.evidence",
        ),
    ],
)
def test_evidence_that_no_request_can_give_is_refused(tmp_path: Path, text: str, key: str) -> None:
    (problem,) = problems_of(file_of(tmp_path, text))

    assert problem.key == key
    assert problem.problem == (
        "no request can give screenshoot, only photo, screenshot, screenshot_2fa, video"
        "; did you mean 'screenshot'?"
    )
