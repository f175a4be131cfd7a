"""How much a check of a policy file does grows with the file, and no faster."""

import cProfile
import pstats
from collections.abc import Callable
from pathlib import Path

import pytest

from worker.domain.policy.checking import problems_of
from worker.domain.policy.effect.search import kinds_apart
from worker.domain.policy.language.loading import profile_from

HEAD = 'claims.window_days = 5\npayout.route = "wallet"\n'


def many_kinds(many: int) -> str:
    rows = (
        f'claims.kinds.kind_{n} = {{ decided = "evidence", evidence = ["photo"], share_bp = {n} }}'
        for n in range(1, many + 1)
    )
    return HEAD + "\n".join(rows)


def many_kinds_in_an_exception(many: int) -> str:
    rows = ", ".join(
        f'claims.kinds.kind_{n} = {{ decided = "review", share_bp = {n} }}'
        for n in range(1, many + 1)
    )
    other = 'claims.kinds.other.decided = "evidence"'
    return f'{HEAD}{other}\nwhen = [{{ match.country = "de", {rows} }}]'


def calls_to_check(file: Path, text: str) -> int:
    file.write_text(text)
    counted = cProfile.Profile()
    assert counted.runcall(problems_of, file) == []
    return int(vars(pstats.Stats(counted))["total_calls"])


@pytest.mark.parametrize("text_of", [many_kinds, many_kinds_in_an_exception])
def test_twice_as_many_kinds_take_about_twice_as_many_calls(
    tmp_path: Path, text_of: Callable[[int], str]
) -> None:
    file = tmp_path / "shop.toml"
    problems_of(file)  # What is made once is made before.
    few, many = (calls_to_check(file, text_of(count)) for count in (40, 80))
    assert many < 2.5 * few


def test_around_a_key_of_a_kind_stand_no_other_kinds_but_those_it_may_start_from() -> None:
    kinds = {name: {"decided": "review"} for name in ("a", "b", "other", "non_receiving")}
    changes = {"claims": {"kinds": {"a": {"decided": "grant"}, "b": {"decided": "grant"}}}}
    when = [{"match": {"country": "de"}, **changes}]
    profile = profile_from(
        {"claims": {"kinds": kinds}, "when": when}, name="shop", file="shop.toml"
    )
    apart = kinds_apart(profile)

    near = apart.around("claims.kinds.a.decided")

    assert set(near.claims.kinds) == {"a", "other", "non_receiving"}
    assert set(near.whens[0].changes) == {"claims.kinds.a", "claims.kinds.a.decided"}
    assert near.kind("a") == profile.kind("a")
    for key in ("claims.kinds.other.decided", "claims.window"):
        assert apart.around(key) is profile
