"""The shipped policies: where they lie, how their orders end, which names are refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from worker.domain.policy import ProfileError, load_profile, override, policy_names
from worker.domain.shipped import config_directory

SHIPPED = ["P0", "P1", "P2", "P3", "P4", "default"]


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


def test_the_versions_of_the_shipped_policies_change_only_on_purpose() -> None:
    """Stored decisions name them: a new value here belongs in the changelog."""
    versions = {name: load_profile(name).version for name in SHIPPED}
    assert versions == {
        "P0": "3340059232a4",
        "P1": "3b6a056f27fc",
        "P2": "724f58884e27",
        "P3": "80ac6d4f2527",
        "P4": "4b710498bc48",
        "default": "d7e7acb1a7d6",
    }


@pytest.mark.parametrize("name", ["P9", "../P0", "", ".", "P0.toml", "a" * 65, "x/y", "P0\n"])
def test_an_unknown_policy_is_refused_by_name(name: str) -> None:
    with pytest.raises(ProfileError) as caught:
        load_profile(name)
    assert "there are: P0, P1, P2, P3, P4, default" in caught.value.problem


def test_the_error_names_at_most_64_characters_of_an_unknown_policy() -> None:
    with pytest.raises(ProfileError, match=f"the name '{'a' * 64}';"):
        load_profile("a" * 65)


def test_beside_an_empty_directory_the_shipped_policies_are_named(tmp_path: Path) -> None:
    assert load_profile("P0", tmp_path) == load_profile("P0")
    with pytest.raises(ProfileError, match="there are: P0, P1, P2, P3, P4, default"):
        load_profile("ours", tmp_path)
