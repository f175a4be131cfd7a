"""A kept policy has the same version when it is read back, whatever its file says then."""

import json

import pytest

from worker.domain.policy import load_profile, override, policy_names
from worker.domain.policy.language.content import content_of, version_of
from worker.domain.policy.language.loading import profile_of


@pytest.mark.parametrize("name", policy_names())
def test_every_policy_reads_back_as_the_same_version(name: str) -> None:
    profile = load_profile(name)

    kept = profile_of(name, json.loads(json.dumps(content_of(profile))))

    assert kept.version == profile.version == version_of(kept)


def test_every_kind_of_value_reads_back() -> None:
    changed = override(
        load_profile("P4"),
        {
            "timezone": "Europe/Berlin",
            "holidays": ["2026-12-25", "2026-01-01"],
            "effective_from": "2024-04-02T00:00:00+02:00",
            "day_count": "calendar_end_of_day",
            "payout.fee_steps": [[0, 1], [7, 10_000]],
            "claims.window_days": {"other": 3},
        },
    )

    assert profile_of("P4", json.loads(json.dumps(content_of(changed)))).version == changed.version
