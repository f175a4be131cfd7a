"""Policy files: what is read, what is refused, and which file and field the error names."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from worker.domain.policy import AutoCredit, Profile, ProfileError, load_profile, override
from worker.domain.policy.loading import policy_names, profile_from
from worker.domain.policy.schema import KEYS
from worker.domain.policy.vocabulary import ClaimKind
from worker.domain.shipped import config_directory

SHIPPED = ["P0", "P1", "P2", "P3", "P4", "default"]


def problem(document: Mapping[str, Any]) -> tuple[str, str]:
    with pytest.raises(ProfileError) as caught:
        profile_from(document, name="mine", file="mine.toml")
    error = caught.value
    assert str(error) == f"mine.toml: {error.field}: {error.problem}"
    return error.field, error.problem


def test_the_shipped_policies_load_and_lie_where_the_configuration_ships() -> None:
    assert policy_names() == SHIPPED
    assert [load_profile(name).name for name in SHIPPED] == SHIPPED
    assert policy_names(config_directory() / "policies") == SHIPPED
    assert load_profile("P3", config_directory() / "policies") == load_profile("P3")


@pytest.mark.parametrize(
    ("name", "automatic", "window"),
    [
        ("default", True, 1200),
        ("P0", True, 1200),
        ("P1", False, 1200),
        ("P2", True, 1200),
        ("P3", True, 1200),
        ("P4", False, 1200),
    ],
)
def test_a_profile_says_how_its_orders_end(name: str, *, automatic: bool, window: int) -> None:
    profile = load_profile(name)

    assert profile.window == timedelta(seconds=window)
    assert profile.credits_automatically is automatic
    assert profile.cancel_offered
    assert profile.cancel_credits is automatic


@pytest.mark.parametrize(
    ("button", "mode", "offered", "pays"),
    [
        (None, "automatic", True, True),
        (None, "on_claim", True, False),
        (True, "automatic", True, True),
        (True, "on_claim", True, True),
        (False, "automatic", False, False),
        (False, "on_claim", False, False),
    ],
)
def test_the_button_credits_as_the_mode_does_unless_the_policy_says_otherwise(
    *, button: bool | None, mode: str, offered: bool, pays: bool
) -> None:
    changed = override(load_profile("P0"), {"cancel_button": button, "auto_credit_mode": mode})

    assert changed.cancel_offered is offered
    assert changed.cancel_credits is pays


def test_an_empty_file_is_silent_about_everything() -> None:
    assert profile_from({}, name="mine", file="mine.toml").auto_credit_mode is AutoCredit.ON_CLAIM


def test_the_version_follows_from_the_content_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[sms]\nsms_window_s = 60 # why\ncancel_button = true\n")
    (tmp_path / "b.toml").write_text("[sms]\ncancel_button = true\nsms_window_s = 60\n")
    first, again = load_profile("a", tmp_path), load_profile("a", str(tmp_path))

    assert first.version == again.version
    assert len(first.version) == 12
    same_but_named_b = load_profile("b", tmp_path)
    assert same_but_named_b.window == first.window
    assert override(first, {}).version == first.version
    assert override(first, {"sms_window_s": 61}).version != first.version
    assert override(first, {"holidays": ["2026-12-25"]}).version != first.version


def test_the_versions_of_the_shipped_policies_change_only_on_purpose() -> None:
    """Stored decisions name them: a new value here belongs in the changelog."""
    versions = {name: load_profile(name).version for name in SHIPPED}
    assert versions == {
        "P0": "1999682d1d4c",
        "P1": "b4c0973e448a",
        "P2": "a53d9cbf786e",
        "P3": "cc59bd7a1cce",
        "P4": "07f7f4669563",
        "default": "e9a230f8ead8",
    }


@pytest.mark.parametrize("name", ["P9", "../P0", "", ".", "P0.toml", "a" * 65, "x/y", "P0\n"])
def test_an_unknown_policy_is_refused_by_name(name: str) -> None:
    with pytest.raises(ProfileError) as caught:
        load_profile(name)
    assert "there are: P0, P1, P2, P3, P4, default" in caught.value.problem


def test_the_error_names_at_most_64_characters_of_an_unknown_policy() -> None:
    with pytest.raises(ProfileError, match=f"the name '{'a' * 64}';"):
        load_profile("a" * 65)


def test_an_empty_directory_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="there are: none"):
        load_profile("P0", tmp_path)


@pytest.mark.parametrize("content", [b"= 1", b"a = \xff", b"[sms]\nsms_window_s = "])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises(ProfileError) as caught:
        load_profile("bad", tmp_path)
    error = caught.value
    assert (error.file, error.field) == (str(tmp_path / "bad.toml"), "")
    assert str(error) == f"{error.file}: {error.problem}"


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"smss": {"sms_window_s": 1}}, "smss"),
        ({"sms": {"window": 1}}, "sms.window"),
        ({"sms": 5}, "sms"),
        ({"sms_window_s": 60}, "sms_window_s"),
        ({"sms": {"sms_window_s": "1200"}}, "sms.sms_window_s"),
        ({"sms": {"sms_window_s": 1200.0}}, "sms.sms_window_s"),
        ({"sms": {"sms_window_s": True}}, "sms.sms_window_s"),
        ({"sms": {"sms_window_s": 0}}, "sms.sms_window_s"),
        ({"sms": {"sms_window_s": 86_401}}, "sms.sms_window_s"),
        ({"sms": {"auto_credit_mode": "sometimes"}}, "sms.auto_credit_mode"),
        ({"sms": {"auto_credit_mode": 1}}, "sms.auto_credit_mode"),
        ({"sms": {"cancel_button": "yes"}}, "sms.cancel_button"),
        ({"claims": {"exclude": "other"}}, "claims.exclude"),
        ({"claims": {"exclude": ["nothing"]}}, "claims.exclude"),
        ({"claims": {"general_window_days": 5, "window_days": 5}}, "claims.window_days"),
        ({"claims": {"window_days": {"nothing": 5}}}, "claims.window_days"),
        ({"claims": {"window_days": {"other": 0}}}, "claims.window_days"),
        ({"effective_from": "2024-04-02"}, "effective_from"),
        ({"effective_from": "2024-04-02T00:00:00"}, "effective_from"),
        ({"effective_from": "soon"}, "effective_from"),
        ({"effective_from": 5}, "effective_from"),
        ({"calendar": {"holidays": "2026-01-01"}}, "calendar.holidays"),
        ({"calendar": {"holidays": ["01.01.2026"]}}, "calendar.holidays"),
        ({"calendar": {"holidays": [datetime(2026, 1, 1, tzinfo=UTC)]}}, "calendar.holidays"),
        ({"calendar": {"timezone": "Mars/Olympus"}}, "calendar.timezone"),
        ({"calendar": {"timezone": "../etc/passwd"}}, "calendar.timezone"),
        ({"calendar": {"timezone": 1}}, "calendar.timezone"),
        ({"withdrawal": {"fee_steps": [[0]]}}, "withdrawal.fee_steps"),
        ({"withdrawal": {"fee_steps": [[0, 500, 1]]}}, "withdrawal.fee_steps"),
        ({"withdrawal": {"fee_steps": [[1, 500]]}}, "withdrawal.fee_steps"),
        ({"withdrawal": {"fee_steps": [[0, 500], [0, 600]]}}, "withdrawal.fee_steps"),
        ({"withdrawal": {"fee_steps": [[0, 1], [0, 2], [1, 3]]}}, "withdrawal.fee_steps"),
        ({"withdrawal": {"fee_steps": [[0, 500], [3, 1], [2, 1]]}}, "withdrawal.fee_steps"),
        ({"withdrawal": {"fee_steps": [[0, 10_001]]}}, "withdrawal.fee_steps"),
        ({"withdrawal": {"fee_steps": "5%"}}, "withdrawal.fee_steps"),
        ({"balance": {"expires": True}}, "balance.expires"),
        ({"balance": {"expires": "no"}}, "balance.expires"),
        (
            {"claims": {"required_fields": ["email"]}, "withdrawal": {"required_fields": []}},
            "withdrawal.required_fields",
        ),
    ],
)
def test_a_wrong_field_is_named(document: dict[str, Any], field: str) -> None:
    assert problem(document)[0] == field


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (
            {"claims": {"general_window_days": 5, "from_log": ["non_receiving"]}},
            "claims",
        ),
        (
            {"claims": {"general_window_days": 5, "balance_grounds": ["non_receiving"]}},
            "claims",
        ),
        ({"claims": {"from_log": ["other"], "balance_grounds": ["no_numbers"]}}, "claims"),
        ({"claims": {"general_window_days": 5, "client_grounds": ["no_numbers"]}}, "claims"),
        ({"claims": {"general_window_days": 5, "with_evidence": ["other"]}}, "claims"),
        ({"claims": {"window_days": {"non_receiving": 5}}}, "claims.window_days"),
        ({"claims": {"with_evidence": ["other"]}}, "claims.with_evidence"),
        ({"claims": {"from_log": ["other"], "with_evidence": ["other"]}}, "claims"),
        (
            {"claims": {"balance_grounds": ["no_numbers"], "client_grounds": ["no_numbers"]}},
            "claims",
        ),
        (
            {"claims": {"balance_grounds": ["no_numbers"], "exclude": ["no_numbers"]}},
            "claims.exclude",
        ),
        ({"claims": {"from_log": ["no_numbers"], "exclude": ["no_numbers"]}}, "claims.exclude"),
        (
            {"claims": {"balance_grounds": ["other"], "replacement_first": ["other"]}},
            "claims.replacement_first",
        ),
        ({"claims": {"client_grounds": ["no_numbers"]}}, "claims.client_grounds"),
        ({"rectify": {"replacement_offered": True}}, "rectify.replacement_offered"),
        ({"withdrawal": {"mode": "fee"}}, "withdrawal.fee_steps"),
        ({"payout": {"route": "wallet", "fee": "by_deposit_age"}}, "withdrawal.fee_steps"),
        ({"withdrawal": {"mode": "unused_topups"}}, "withdrawal.topup_max_age_days"),
        ({"payout": {"fee": "disclosed"}}, "payout.fee"),
        ({"payout": {"fee": "disclosed", "route": "client"}}, "payout.fee"),
        ({"processing": {"extendable": True}}, "processing.extendable"),
        ({"sms": {"sms_window_s": 60, "min_cancel_age_s": 61}}, "sms.min_cancel_age_s"),
        ({"sms": {"cancel_button": False, "min_cancel_age_s": 1}}, "sms.min_cancel_age_s"),
        ({"claims": {"general_window_days": 7, "honour_days": 6}}, "claims.honour_days"),
        ({"outage": {"refund_cap_months": 1}}, "outage.refund_cap_months"),
    ],
)
def test_a_contradiction_is_named(document: dict[str, Any], field: str) -> None:
    assert problem(document)[0] == field


@pytest.mark.parametrize(
    "pair", [("balance_grounds", "client_grounds"), ("from_log", "with_evidence")]
)
def test_of_several_contradictions_the_error_names_the_first(pair: tuple[str, str]) -> None:
    listed_twice: dict[str, Any] = {key: ["no_numbers"] for key in pair}

    assert "listed twice" in problem({"claims": listed_twice})[1]
    also_windowed = listed_twice | {"general_window_days": 5}
    assert "three different ways" in problem({"claims": also_windowed})[1]


@pytest.mark.parametrize(
    "document",
    [
        {"claims": {"general_window_days": 5, "window_days": {"other": 1}}},
        {"sms": {"sms_window_s": 60, "min_cancel_age_s": 60}},
        {"claims": {"general_window_days": 7, "honour_days": 7}},
        {"claims": {"honour_days": 7}},
        {"payout": {"route": "wallet"}},
        {"outage": {"threshold_s": 0, "refund_cap_months": 1}},
        {"effective_from": datetime(2024, 4, 2, tzinfo=UTC)},
        {"calendar": {"holidays": [date(2026, 1, 1), "2026-12-25"], "timezone": "UTC"}},
        {"withdrawal": {"fee_steps": []}},
    ],
)
def test_the_edges_of_what_is_allowed_are_allowed(document: dict[str, Any]) -> None:
    assert profile_from(document, name="mine", file="mine.toml").name == "mine"


def test_every_field_of_a_profile_can_be_set_from_a_file() -> None:
    fields = {field for field, _ in KEYS.values()} | {"name", "version", "states_window"}
    assert fields == set(Profile.__dataclass_fields__)


@pytest.mark.parametrize(
    "changes",
    [
        {"withdrawal": "none"},
        {"withdrawal": {"mode": "none"}},
        {"withdrawal.mode": "none"},
        {"withdrawal_mode": "none"},
        {"withdrawal": None},
    ],
)
def test_a_single_value_may_be_named_in_several_ways(changes: dict[str, Any]) -> None:
    assert override(load_profile("P4"), changes).withdrawal_mode.value == "none"


def test_one_window_of_many_can_be_replaced() -> None:
    p0 = load_profile("P0")

    replaced = override(p0, {"window_days.non_receiving": 3})
    same = override(p0, {"claims": {"window_days.non_receiving": 3}})
    removed = override(p0, {"window_days.non_receiving": None})
    table = override(p0, {"window_days": {"invalid_number": 2}})

    assert replaced.window_days == same.window_days
    assert dict(replaced.window_days) == {ClaimKind.NON_RECEIVING: 3, ClaimKind.INVALID_NUMBER: 5}
    assert dict(removed.window_days) == {ClaimKind.INVALID_NUMBER: 5}
    assert dict(table.window_days) == {ClaimKind.INVALID_NUMBER: 2}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"name": "x"}, "name"),
        ({"sms_window_s": "x"}, "sms_window_s"),
        ({"window_days.nonsense": 1}, "window_days.nonsense"),
        ({"window_days.non_receiving": 0}, "window_days.non_receiving"),
        ({"from_log": ["other"]}, "claims"),
    ],
)
def test_a_wrong_replacement_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ProfileError) as caught:
        override(load_profile("P0"), changes)
    assert (caught.value.file, caught.value.field) == ("P0", field)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("sms_window_s", 1, 86_400),
        ("min_cancel_age_s", 0, 1200),
        ("general_window_days", 1, 14),
        ("honour_days", 7, 3660),
        ("review_business_days", 1, 3660),
        ("rectify_s", 1, 31_622_400),
        ("host_access_grace_s", 0, 31_622_400),
        ("replacement_tolerance_bp", 0, 10_000),
        ("outage_threshold_s", 0, 31_622_400),
    ],
)
def test_a_limit_is_allowed_and_what_lies_beyond_is_not(name: str, least: int, most: int) -> None:
    p1 = load_profile("P1")

    for value in (least, most):
        assert getattr(override(p1, {name: value}), name) == value
    for value in (least - 1, most + 1):
        with pytest.raises(ProfileError):
            override(p1, {name: value})


def test_lists_and_tables_have_limits_too() -> None:
    p2, p4 = load_profile("P2"), load_profile("P4")
    days = [str(date(2026, 1, 1) + timedelta(days=day)) for day in range(1001)]

    assert len(override(p2, {"holidays": days[:1000]}).holidays) == 1000
    with pytest.raises(ProfileError, match="at most 1000 dates"):
        override(p2, {"holidays": days})
    for months in (1, 120):
        assert override(p2, {"refund_cap_months": months}).refund_cap_months == months
    for months in (0, 121):
        with pytest.raises(ProfileError, match="from 1 to 120"):
            override(p2, {"refund_cap_months": months})
    assert override(p4, {"fee_steps": [[0, 0], [100, 10_000]]}).fee_steps[1] == (100, 10_000)
    with pytest.raises(ProfileError, match="from 0 to 100"):
        override(p4, {"fee_steps": [[0, 0], [101, 1]]})
    with pytest.raises(ProfileError, match="from 0 to 10000"):
        override(p4, {"fee_steps": [[0, -1]]})
