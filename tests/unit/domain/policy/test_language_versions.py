"""The version of a policy follows from what it says; a kept one is read back as it was."""

import json
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from worker.domain.calendar import Duration, Unit
from worker.domain.policy import Profile
from worker.domain.policy.language.content import content_of, version_of
from worker.domain.policy.language.loading import (
    load_profile,
    override,
    policy_names,
    profile_from,
    profile_of,
)


def version(text: str) -> str:
    return profile_from(tomllib.loads(text), name="shop", file="shop.toml").version


@pytest.mark.parametrize("name", policy_names())
def test_every_policy_reads_back_as_the_same_version(name: str) -> None:
    profile = load_profile(name)
    kept = profile_of(name, json.loads(json.dumps(content_of(profile))))
    assert kept == profile
    assert kept.version == profile.version == version_of(kept)


def test_every_kind_of_value_reads_back() -> None:
    changed = override(
        load_profile("P4"),
        {
            "timezone": "Europe/Berlin",
            "holidays": ["2026-12-25", "2026-01-01"],
            "effective_from": "2024-04-02T00:00:00+02:00",
            "payout.fee_steps": [[0, 1], [7, 10_000]],
            "payout.methods": {"card": {"fee_bp": 1}, "coin": {}},
            "claims.kinds.a": {},
            "claims.kinds.b": {"evidence": ["video"], "window_months": 1},
            "labels": {"slow": ["wa"]},
            "limits": [{"of": "a", "per": "day", "max_count": 1, "then": "deny"}],
            "when": [
                {
                    "match": {"label": "slow", "product": ["rental"], "service_2fa": True},
                    "claims": {"kinds": {"c": {}}, "window_s": 60},
                }
            ],
        },
    )
    assert profile_of("P4", json.loads(json.dumps(content_of(changed)))) == changed


def test_comments_order_short_forms_and_written_defaults_change_no_version() -> None:
    one = 'claims = { window_days = 5, channels = ["b", "a"] }\n[cancel]\nbutton = true'
    same = """
# another comment
[cancel]
late = "wait"
[sms]
cancel_button = true
auto_credit_mode = "on_claim"
[claims]
channels = ["a", "b"]
general_window_days = 5
"""
    assert version(one) == version(same)


@pytest.mark.parametrize(
    "text",
    [
        "sms.sms_window_s = 1200",  # Without it the worker's own default applies.
        "sms.sms_window_s = 60",
        "claims.kinds.a = {}",
        "claims.window_days = 1",
        "claims.window_s = 86400",
        'labels.telegram = ["tg"]',
        'limits = [{ of = "any", per = "day", max_count = 1 }]',
        '[[when]]\nmatch = { service = "x" }\nsms.sms_window_s = 60',
        '[[when]]\nmatch = { service = "y" }\nsms.sms_window_s = 60',
    ],
)
def test_everything_else_changes_the_version(text: str) -> None:
    assert version(text) != version("")


def test_the_order_of_exceptions_and_limits_is_part_of_the_content() -> None:
    when = '[[when]]\nmatch = {{ service = "{}" }}\nsms.sms_window_s = {}\n'
    assert version(when.format("a", 1) + when.format("b", 2)) != version(
        when.format("b", 2) + when.format("a", 1)
    )


KEPT_BEFORE = json.loads(
    (Path(__file__).parents[3] / "golden" / "policies_kept_before.json").read_text()
)
SAYS_IN_SECTIONS = {field.name for field in fields(Profile)} - {"name", "version", "said"}


@pytest.mark.parametrize("name", KEPT_BEFORE)
def test_a_policy_kept_by_the_release_before_is_read_as_what_it_says_today(name: str) -> None:
    """Orders made under it are judged by it, in the one order of checks there is now."""
    kept, today = profile_of(name, KEPT_BEFORE[name]), load_profile(name)
    for part in sorted(SAYS_IN_SECTIONS):
        assert getattr(kept, part) == getattr(today, part), part


def test_what_a_shop_had_changed_before_is_still_changed() -> None:
    changed = KEPT_BEFORE["P1"] | {
        "auto_credit_mode": "automatic",
        "window_days": {"non_receiving": 3, "invalid_number": 7},
        "sms_window_s": 60,
    }
    kept = profile_of("P1", changed)

    assert kept.credits_automatically
    assert kept.sms.sms_window_s == 60
    rule = kept.kind("non_receiving")
    assert rule is not None
    assert rule.window == Duration(Unit.DAYS, 3)
