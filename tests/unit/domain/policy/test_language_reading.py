"""A policy file is read whole: what it says, its short forms, and every problem of it at once."""

import json
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from worker.domain.calendar import Duration, Unit
from worker.domain.policy.language import choices, sections
from worker.domain.policy.language.file_problems import ProfileError, line_index
from worker.domain.policy.language.kinds import KNOWN_KINDS, KindRule
from worker.domain.policy.language.loading import (
    checked,
    load_file,
    load_profile,
    override,
    policy_names,
    profile_from,
)
from worker.domain.policy.language.matching import Match
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.language.reading import Reading
from worker.domain.policy.language.schema import (
    KEYS,
    KIND_KEYS,
    LIMIT_KEYS,
    MATCH_KEYS,
    METHOD_KEYS,
)
from worker.domain.policy.vocabulary import AccountFlag, Destination, Reason

GOLDEN = Path(__file__).parents[3] / "golden" / "policy_scenarios.json"
POLICIES_OF_CASES = [
    pytest.param(case["policy"], id=case["id"])
    for case in json.loads(GOLDEN.read_text())
    if "policy" in case
]


def read(text: str) -> Profile:
    reading = Reading("shop.toml", line_index(text))
    reading.read(tomllib.loads(text))
    return checked(reading, "shop")


def problems(text: str) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("policy", POLICIES_OF_CASES)
def test_every_whole_policy_of_the_worked_cases_is_read(policy: dict[str, Any]) -> None:
    assert profile_from(policy, name="case", file="case").version


@pytest.mark.parametrize("name", policy_names())
def test_every_shipped_policy_is_read(name: str) -> None:
    assert load_profile(name).name == name


@pytest.mark.parametrize(
    ("table", "holds"),
    [
        (KIND_KEYS, KindRule),
        (METHOD_KEYS, sections.MethodRules),
        (LIMIT_KEYS, sections.Limit),
        (MATCH_KEYS, Match),
    ],
)
def test_each_row_of_a_table_holds_exactly_its_keys(table: Any, holds: Any) -> None:
    assert {key.says for key in table.values()} == {f.name for f in fields(holds)} - {"name"}


def test_each_section_holds_exactly_its_keys() -> None:
    profile = read("")
    for section in ("sms", "cancel", "bars", "claims", "rectify", "rental", "renewal", "outage"):
        says = {key.says for key in KEYS.values() if key.says.startswith(f"{section}.")}
        held = {field.name for field in fields(getattr(profile, section))} - {"kinds"}
        assert {each.partition(".")[2] for each in says} == held
    for section in ("payout", "processing", "withdrawal", "balance", "obligations", "calendar"):
        says = {key.says for key in KEYS.values() if key.says.startswith(f"{section}.")}
        held = {field.name for field in fields(getattr(profile, section))} - {"methods"}
        assert {each.partition(".")[2] for each in says} == held


def test_an_empty_file_has_every_default_of_the_language() -> None:
    profile = read("")

    assert profile.labels == {"telegram": {"tg", "telegram"}}
    assert (profile.sms.sms_window_s, profile.states_window) == (1200, False)
    assert not profile.credits_automatically
    assert profile.cancel_offered
    assert not profile.cancel_credits
    assert profile.bars.fulfilment is choices.Fulfilment.DISPLAYED
    assert not profile.has_kinds
    assert profile.kind("non_receiving") is None
    assert profile.rectify.host_access_grace_s == 86_400
    assert profile.rectify.replacement_tolerance_bp == 1000
    assert profile.withdrawal.destination is Destination.CLIENT
    assert profile.payout.method("card") == sections.MethodRules()


def test_times_are_said_in_any_of_their_units() -> None:
    assert read("claims.window_months = 1").claims.window == Duration(Unit.MONTHS, 1)
    assert read("claims.window_s = 60").claims.window == Duration(Unit.SECONDS, 60)
    pay = read("processing.pay_business_days = 3").processing.pay
    assert pay == Duration(Unit.BUSINESS_DAYS, 3)


def test_two_units_of_one_time_are_a_contradiction() -> None:
    assert problems("[claims]\nwindow_s = 86400\nwindow_days = 1") == [
        "shop.toml:3: claims.window_days: says another thing than claims.window_s: keep one of them"
    ]


def test_a_kind_has_every_default_of_its_name_and_its_policy() -> None:
    profile = read("""
[claims]
window_days = 3
late = "review"
[claims.kinds]
no_numbers = { decided = "log" }
incompatibility = { decided = "deny" }
oops = { decided = "deny" }
major_defect = { decided = "repair", window_s = 60, window_from = "issue" }
[rectify]
seconds = 1
""")
    rules = profile.claims.kinds

    assert rules["no_numbers"].log is choices.LogTest.NOT_PROVIDED
    assert rules["no_numbers"].window == Duration(Unit.DAYS, 3)
    assert rules["no_numbers"].late is choices.LateClaim.REVIEW
    assert rules["incompatibility"].reason is Reason.THIRD_PARTY_INCOMPATIBILITY
    assert rules["oops"].reason is Reason.NOT_COVERED
    assert rules["major_defect"].any_channel
    assert not rules["oops"].any_channel
    assert rules["major_defect"].window == Duration(Unit.SECONDS, 60)
    assert rules["major_defect"].window_from is choices.WindowFrom.ISSUE


def test_a_kind_without_a_row_follows_the_row_other() -> None:
    profile = read('claims.kinds.other = { decided = "deny" }')

    assert profile.has_kinds
    for name in ("anything", *KNOWN_KINDS):
        rule = profile.kind(name)
        assert rule is not None
        assert rule.decided is choices.Decided.DENY
    changed_mind, unknown = profile.kind("changed_mind"), profile.kind("anything")
    assert changed_mind is not None
    assert changed_mind.reason is Reason.CHANGED_MIND
    assert unknown is not None
    assert unknown.reason is Reason.NOT_COVERED


def test_a_kind_with_a_row_is_no_other() -> None:
    profile = read('claims.kinds = { other = { decided = "deny" }, x = { share_bp = 5 } }')
    rule = profile.kind("x")
    assert rule is not None
    assert (rule.decided, rule.share_bp) == (choices.Decided.REVIEW, 5)


def test_withdrawals_take_over_channels_and_reasons_of_claims() -> None:
    claims = 'claims = { channels = ["form"], reasons_required = true }\n'
    inherited, own = read(claims), read(claims + 'withdrawal.channels = ["chat"]')

    assert inherited.withdrawal.channels == frozenset({"form"})
    assert inherited.withdrawal.reasons_required
    assert own.withdrawal.channels == frozenset({"chat"})


def test_an_email_must_match_where_it_is_required() -> None:
    assert read('withdrawal.required_fields = ["email"]').withdrawal.email_must_match
    assert not read('withdrawal.required_fields = ["amount"]').withdrawal.email_must_match
    said = 'withdrawal = { required_fields = ["email"], email_must_match = false }'
    assert not read(said).withdrawal.email_must_match


SHORT = [
    ("sms.cancel_button = true", "cancel.button = true"),
    ("sms.min_cancel_age_s = 5", "cancel.from_s = 5"),
    ('claims.request_channel = "x"', 'claims.channels = ["x"]'),
    ("claims.general_window_days = 4", "claims.window_days = 4"),
    ("claims.window_days = { a = 3 }", "claims.kinds.a = { window_days = 3 }"),
    ('claims.exclude = ["a"]', 'claims.kinds.a = { decided = "deny" }'),
    ('claims.from_log = ["no_numbers"]', 'claims.kinds.no_numbers = { decided = "log" }'),
    ('claims.with_evidence = ["a"]', 'claims.kinds.a = { decided = "evidence" }'),
    (
        'claims.exclude = ["incompatibility"]\nclaims.compat_exception = true',
        'claims.kinds.incompatibility = { decided = "deny", unless_listed = true }',
    ),
    ('claims.unlawful_bars = "all"', 'bars.unlawful = "all"'),
    ('claims.fraud_bars = "all"', 'bars.fraud = "all"'),
    ('claims.complaint_bars = "client"', 'bars.complaint = "client"'),
    ('claims.documents_bar = "client"', 'bars.documents = "client"'),
    ("claims.restrictions_bar = true", "bars.restrictions = true"),
    ('claims.sms_bars = "received"', 'bars.sms = "received"'),
    ("claims.early_deactivation_bars = true", 'rental.early_end = "deny"'),
    ("processing.refund_days = 9", "processing.pay_days = 9"),
    ('withdrawal.mode = "grounds"', 'withdrawal.mode = "never"'),
    ('withdrawal.mode = "fee"', 'withdrawal = { mode = "balance", destination = "wallet" }'),
    ('withdrawal.mode = "none"', ""),
    ("withdrawal.fee_steps = [[0, 5]]", "payout.fee_steps = [[0, 5]]"),
    ("withdrawal.kyc = true", "payout.kyc = true"),
    ('withdrawal.unable = "deny"', 'payout.unable = "deny"'),
    ("balance.law_enforcement_freezes = true", 'bars.law_enforcement = "client"'),
    ("balance.rules_block_bars_withdrawal = true", 'bars.rules_block = "client"'),
]


@pytest.mark.parametrize(("short", "full"), SHORT)
def test_a_short_form_is_its_full_form(short: str, full: str) -> None:
    assert read(short) == read(full)
    assert read(short).version == read(full).version
    if "mode" not in short and "claims.window_days" not in short:  # One key, said once.
        assert read(f"{short}\n{full}") == read(full)


@pytest.mark.parametrize(
    ("short", "full", "key"),
    [
        ("sms.cancel_button = true", "cancel.button = false", "cancel.button"),
        ("claims.general_window_days = 4", "claims.window_days = 5", "claims.window_days"),
        ('claims.exclude = ["a"]', 'claims.from_log = ["a"]', "claims.from_log"),
        ("claims.early_deactivation_bars = false", 'rental.early_end = "deny"', "rental.early_end"),
        ("withdrawal.kyc = true", "payout.kyc = false", "payout.kyc"),
        (
            "claims.compat_exception = false",
            "claims.kinds.incompatibility.unless_listed = true",
            "claims.kinds.incompatibility.unless_listed",
        ),
    ],
)
def test_a_short_form_that_says_another_thing_is_a_contradiction(
    short: str, full: str, key: str
) -> None:
    (problem,) = problems(f"{short}\n{full}")
    assert problem.startswith(f"shop.toml:2: {key}: says another thing than")


def test_the_telegram_short_forms_are_exceptions_before_the_written_ones() -> None:
    short = """
claims.telegram_2fa_video = true
claims.api_telegram_2fa_refundable = false
[[when]]
match = { country = "de" }
sms.sms_window_s = 60
"""
    full = """
[[when]]
match = { label = "telegram", service_2fa = true }
claims.kinds.invalid_number = { evidence = ["video"] }
[[when]]
match = { label = "telegram", service_2fa = true, buy_channel = "api" }
claims.kinds.invalid_number = { decided = "deny", reason = "api_telegram_2fa" }
[[when]]
match = { country = "de" }
sms.sms_window_s = 60
"""
    assert read(short) == read(full)
    said_otherwise = "claims = { telegram_2fa_video = false, api_telegram_2fa_refundable = true }"
    assert read(said_otherwise) == read("")


@pytest.mark.parametrize("key", ["balance_grounds", "client_grounds", "replacement_first"])
def test_what_one_word_no_longer_says_is_told_with_what_to_write(key: str) -> None:
    (problem,) = problems(f'claims.{key} = ["no_numbers"]')
    assert "can no longer be said so: write" in problem


def test_the_keys_that_may_stand_are_named_once_and_not_in_their_short_forms() -> None:
    (problem,) = problems("withdrawal.feee = 1")
    _, _, there = problem.partition("there may stand: ")
    named = there.split(", ")
    assert len(named) == len(set(named))
    assert {"mode", "destination"} <= set(named)
    assert not {"kyc", "unable", "fee_steps"} & set(named)


WRONG = [
    ('[sms]\nauto_credit_mod = "automatic"', "2: sms.auto_credit_mod", "'auto_credit_mode'"),
    ("[smss]\nx = 1", "1: smss", "did you mean 'sms'"),
    ("sms.window_s = 60", "1: sms.window_s", "did you mean 'sms_window_s'"),
    ("claims.kinds.a = { share = 5 }", "1: claims.kinds.a.share", "did you mean 'share_bp'"),
    ("withdrawal.fee_bp = 5", "1: withdrawal.fee_bp", "there is payout.fee_bp"),
    (
        '[[when]]\nmatch = { country = "x" }\nservice = "x"',
        "3: when[0].service",
        "match = { service = … }",
    ),
    ('sms.auto_credit_mode = "automatik"', "1: sms.auto_credit_mode", "mean 'automatic'"),
    ("sms.sms_window_s = 0", "1: sms.sms_window_s", "from 1 to 86400"),
    ("sms.sms_window_s = true", "1: sms.sms_window_s", "whole number"),
    ("sms = 3", "1: sms", "is a section"),
    ('sms.hold_for = ["fraud"]', "1: sms.hold_for", "fraud_suspected"),
    ('sms.hold_for = "fraud"', "1: sms.hold_for", "must be a list"),
    ("cancel.button = 1", "1: cancel.button", "true or false"),
    ("claims.channels = []", "1: claims.channels", "at least one"),
    ('claims.channels = ["E mail"]', "1: claims.channels", "must be a name"),
    ('claims.required_fields = "x"', "1: claims.required_fields", "list of names"),
    ("claims.kinds = 3", "1: claims.kinds", "table of rows"),
    ("claims.kinds.Bad = {}", "1: claims.kinds.Bad", "is no name"),
    ("claims.kinds.a = 3", "1: claims.kinds.a", "must be a row"),
    ("claims.kinds.a = { desided = 3 }", "1: claims.kinds.a.desided", "mean 'decided'"),
    ('claims.kinds.a = { decided = "log" }', "1: claims.kinds.a", "needs log"),
    ('claims.kinds.a = { decided = "repair" }', "1: claims.kinds.a", "rectify.seconds"),
    ('claims.kinds.a = { to = "client" }', "1: claims.kinds.a.to", "one of balance"),
    ("claims.window_days = { a = 0 }", "1: claims.window_days", "from 1 to"),
    ("claims.telegram_2fa_video = 1", "1: claims.telegram_2fa_video", "true or false"),
    ('effective_from = "2024-04-02"', "1: effective_from", "an instant with its offset"),
    ("effective_from = 3", "1: effective_from", "an instant with its offset"),
    ("balance.expires = true", "1: balance.expires", "can only be false"),
    ("payout.fee_steps = [[1, 5]]", "1: payout.fee_steps", "begin at year 0 and rise"),
    ("payout.fee_steps = [[0, 5], [0, 6]]", "1: payout.fee_steps", "begin at year 0 and rise"),
    ("payout.fee_steps = [0]", "1: payout.fee_steps", "list of [years, basis points]"),
    ('calendar.timezone = "Nowhere/Here"', "1: calendar.timezone", "IANA"),
    ('calendar.holidays = ["soon"]', "1: calendar.holidays", "2026-12-25"),
    ('calendar.holidays = "soon"', "1: calendar.holidays", "list of at most"),
    ("labels = 3", "1: labels", "table of labels"),
    ('labels.Slow = ["x"]', "1: labels.Slow", "is no name"),
    ("labels.slow = []", "1: labels.slow", "at least one word"),
    ('labels.slow = [""]', "1: labels.slow", "must be a text"),
    ("limits = 3", "1: limits", "must be a list"),
    ("limits = [3]", "1: limits[0]", "must be a table"),
    ('[[limits]]\nper = "day"\nmax_count = 1', "1: limits[0]", "needs of"),
    ('[[limits]]\nof = "claim"\nper = "day"', "1: limits[0]", "needs at least one of"),
    ('[[limits]]\nof = "any"\nper = "da"\nmax_count = 1', "3: limits[0].per", "mean 'day'"),
    ('[[limits]]\nof = "cancl"\nper = "day"\nmax_count = 1', "2: limits[0].of", "mean 'cancel'"),
    (
        '[[limits]]\nof = "claim"\nper = "day"\nmax_count = 1\nthen = "wait"',
        "5: limits[0].then",
        "only a cancel and an auto_credit",
    ),
    ("[[when]]\nsms.sms_window_s = 60", "1: when[0]", "needs match"),
    ('[[when]]\nmatch = { servic = "x" }', "2: when[0].match.servic", "mean 'service'"),
    ('[[when]]\nmatch = { product = "rented" }', "2: when[0].match.product", "one of one_time"),
    ("[[when]]\nmatch = { service = [] }", "2: when[0].match.service", "never matches"),
    (
        '[[when]]\nmatch = { service = "x" }\nbalance.expires = false',
        "3: when[0].balance",
        "cannot stand in a [[when]]",
    ),
    (
        '[[when]]\nmatch = { service = "x" }\nsmms.x = 1',
        "3: when[0].smms",
        "did you mean 'sms'",
    ),
    (
        '[[when]]\nmatch = { service = "x" }\nclaims.kinds.a = { decided = "log" }',
        "3: when[0].claims.kinds.a",
        "needs log",
    ),
    (
        "[[when]]\nmatch = { price_from_minor = 2, price_to_minor = 1 }\nsms.sms_window_s = 60",
        "2: when[0].match.price_from_minor",
        "no order can match",
    ),
    ("[cancel]\nfrom_s = 60\nuntil_s = 59", "2: cancel.from_s", "later than cancel.until_s"),
    ("[sms]\nsms_window_s = 5\n[cancel]\nfrom_s = 6", "4: cancel.from_s", "longer than the window"),
    ("[claims]\nwindow_days = 5\nhonour_days = 4", "3: claims.honour_days", "shorter than"),
    ("[claims]\nwindow_months = 1\nhonour_days = 30", "3: claims.honour_days", "shorter than"),
    ('effective_from = "0001-01-01T00:00:00+05:00"', "1: effective_from", "must be an instant"),
    (
        "[balance]\nexpires = false\nidle_months = 1",
        "3: balance.idle_months",
        "cannot stand beside",
    ),
]


@pytest.mark.parametrize(("text", "place", "what"), WRONG)
def test_a_problem_names_its_line_its_key_and_what_may_stand_there(
    text: str, place: str, what: str
) -> None:
    (problem,) = problems(text)
    assert problem.startswith(f"shop.toml:{place}: ")
    assert what in problem


@pytest.mark.parametrize(
    "text",
    [
        "[cancel]\nfrom_s = 60\nuntil_s = 60",
        "[sms]\nsms_window_s = 5\n[cancel]\nfrom_s = 5",
        "[claims]\nwindow_days = 5\nhonour_days = 5",
        "[claims]\nwindow_months = 1\nhonour_days = 31",
        '[[limits]]\nof = "a"\nper = "day"\nmax_count = 1\n[claims.kinds]\na = {}',
        '[[limits]]\nof = "a"\nper = "day"\nmax_count = 1\n[claims.kinds]\nother = {}',
        '[[limits]]\nof = "cancel"\nper = "day"\nmax_count = 1\nthen = "close"',
    ],
)
def test_values_at_the_edge_are_no_contradiction(text: str) -> None:
    assert read(text).version


def test_all_problems_of_a_file_are_reported_at_once() -> None:
    found = problems("""
[sms]
window = 5
auto_credit_mode = 3
[claims]
channels = []
[[limits]]
of = "claim"
""")
    assert [problem.split(":")[1] for problem in found] == ["3", "4", "6", "7", "7"]


def test_a_file_that_is_no_toml_says_on_which_line(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text("[sms]\nx = = 3\n")
    with pytest.raises(ProfileError, match=r"shop.toml:2: is no TOML") as caught:
        load_file(file)
    assert caught.value.problems[0].line == 2


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ProfileError):
        load_file(tmp_path / "absent.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(ProfileError):
        load_file(tmp_path / "bytes.toml")


def test_an_unknown_policy_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="there are: P0, P1, P2, P3, P4, default"):
        load_profile("P9")
    (tmp_path / "own.toml").write_text("")
    with pytest.raises(ProfileError, match="there are: P0, P1, P2, P3, P4, default, own"):
        load_profile("P9", tmp_path)
    with pytest.raises(ProfileError):
        load_profile("../P0")


def test_overrides_replace_single_keys_by_any_of_their_names() -> None:
    p0 = load_profile("P0")

    assert override(p0, {"day_count": "calendar_end_of_day"}) != p0
    assert override(p0, {"sms_window_s": 60}).sms.sms_window_s == 60
    assert override(p0, {"sms.sms_window_s": 60}) == override(p0, {"sms_window_s": 60})
    assert override(p0, {"sms": {"sms_window_s": 60}}) == override(p0, {"sms_window_s": 60})
    assert override(p0, {"claims.window_s": 60}).claims.window == Duration(Unit.SECONDS, 60)
    assert override(p0, {"claims.general_window_days": None}).claims.window is None
    assert override(p0, {"cancel_button": False}).cancel.button is False
    changed = override(p0, {"claims.kinds.invalid_number.share_bp": 5})
    assert changed.claims.kinds["invalid_number"].decided is choices.Decided.EVIDENCE
    assert changed.claims.kinds["invalid_number"].share_bp == 5
    assert "invalid_number" not in override(p0, {"claims.kinds.invalid_number": None}).claims.kinds


def test_null_makes_a_policy_silent_and_an_unknown_override_is_a_problem() -> None:
    p3 = load_profile("P3")
    silent = override(p3, {"auto_credit_mode": None, "withdrawal.mode": None})

    assert silent.sms.auto_credit_mode is choices.AutoCredit.ON_CLAIM
    assert silent.withdrawal.mode is None
    with pytest.raises(ProfileError) as caught:
        override(p3, {"sms.windw": 3, "claims.exclude": 3})
    assert [problem.key for problem in caught.value.problems] == ["sms.windw", "claims.exclude"]
    assert caught.value.field == "sms.windw"
    assert caught.value.problem.startswith("there is no such key")


def test_overrides_that_contradict_the_rest_are_problems() -> None:
    with pytest.raises(ProfileError, match="longer than the window"):
        override(load_profile("P3"), {"cancel.from_s": 1201})


def test_limits_and_exceptions_can_be_replaced_whole() -> None:
    p0 = load_profile("P0")
    limited = override(p0, {"limits": [{"of": "any", "per": "day", "max_count": 1}], "when": []})
    assert (len(limited.limits), limited.whens) == (1, ())
    assert override(limited, {"sms_window_s": 60}).limits == limited.limits


def test_flags_and_reasons_are_closed_words() -> None:
    held = read('sms.hold_for = ["fraud_suspected"]').sms.hold_for
    assert held == {AccountFlag.FRAUD_SUSPECTED}
    (problem,) = problems('claims.kinds.a = { decided = "deny", reason = "because" }')
    assert "claims.kinds.a.reason: must be one of" in problem
