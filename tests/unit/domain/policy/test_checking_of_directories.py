"""The policies of a directory: each file by its name, and the clauses beside them."""

from pathlib import Path

import pytest

from tests.unit.domain.policy.policy_texts import GRANT
from worker.domain.policy.checking import problems_in, problems_when_loaded
from worker.domain.policy.language.file_problems import ProfileError
from worker.domain.policy.language.loading import NO_NAME, load_profile, policy_names


def test_each_policy_is_read_from_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "good.toml").write_text(GRANT)
    (tmp_path / "bad.toml").write_text("cancel.from_s = -1\n")
    for problems in (problems_in(tmp_path), problems_when_loaded(tmp_path)):
        assert [(one.file, one.key) for one in problems] == [
            (str(tmp_path / "bad.toml"), "cancel.from_s")
        ]


def test_a_whole_directory_is_checked_with_its_clauses(tmp_path: Path) -> None:
    (tmp_path / "clauses").mkdir()
    (tmp_path / "clauses" / "shop.toml").write_text("clause = 5")
    (tmp_path / "shop.toml").write_text('cancel.late = "deny"')
    (tmp_path / "broken.toml").write_text("= 3")

    assert [problem.key for problem in problems_in(tmp_path)] == ["", "cancel.late", "clause"]
    assert [problem.key for problem in problems_when_loaded(tmp_path)] == ["", "clause"]


def test_a_file_with_the_name_of_no_policy_is_a_problem_and_a_hidden_one_is_none(
    tmp_path: Path,
) -> None:
    for name in ("P1 copy", "._P1", "ours"):
        (tmp_path / f"{name}.toml").write_text("cancel.button = true")

    for problems in (problems_in(tmp_path), problems_when_loaded(tmp_path)):
        assert [(Path(each.file).name, each.problem) for each in problems] == [
            ("P1 copy.toml", NO_NAME)
        ]
    assert policy_names(tmp_path) == sorted(["P1 copy", "ours", *policy_names()])
    with pytest.raises(ProfileError, match="its name is that of no policy"):
        load_profile("P1 copy", tmp_path)
