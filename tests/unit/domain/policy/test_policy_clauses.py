"""Files of clauses: complete, in order, and refused where they cannot be used."""

from pathlib import Path

import pytest

from worker.domain.policy import ProfileError, Reason
from worker.domain.policy.clauses import grounds, load_clauses

COUNTS = {"P0": 26, "P1": 25, "P2": 33, "P3": 44, "P4": 27}
GOOD = '[[clause]]\nid = "X1.01"\nsays = "a"\nreasons = ["silence"]\n'


@pytest.mark.parametrize(("policy", "count"), COUNTS.items())
def test_every_clause_is_there_in_its_order(policy: str, count: int) -> None:
    ids = [clause.id for clause in load_clauses(policy)]
    assert ids == [f"{policy}.{number:02}" for number in range(1, count + 1)]


def test_a_decision_names_the_clauses_it_rests_on() -> None:
    assert grounds(load_clauses("P3"), Reason.NO_SMS_IN_WINDOW) == ("P3.07",)
    assert grounds(load_clauses("P0"), Reason.SILENCE) == ("P0.06", "P0.10")
    assert grounds(load_clauses("P0"), Reason.POLICY_SILENT) == ()


def test_a_policy_without_clauses_has_none(tmp_path: Path) -> None:
    assert load_clauses("default") == ()
    assert load_clauses("mine", tmp_path) == ()


def test_clauses_are_read_from_beside_the_policies(tmp_path: Path) -> None:
    (tmp_path / "clauses").mkdir()
    (tmp_path / "clauses" / "mine.toml").write_text(GOOD)

    (clause,) = load_clauses("mine", tmp_path)

    assert (clause.id, clause.says) == ("X1.01", "a")
    assert clause.reasons == {Reason.SILENCE}


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("= 1", ""),
        ("", "clause"),
        ("clause = 5", "clause"),
        (GOOD + "[other]\nx = 1\n", "clause"),
        ("clause = [5]", "clause[0]"),
        (GOOD + '[[clause]]\nid = "X1.02"\n', "clause[1]"),
        (GOOD + "more = 1\n", "clause[0]"),
        (GOOD.replace('"a"', "5"), "clause[0].says"),
        (GOOD.replace('"a"', '""'), "clause[0].says"),
        (GOOD.replace("X1.01", "X1"), "clause[0].id"),
        (GOOD.replace("silence", "noise"), "clause[0].reasons"),
        (GOOD.replace('"silence"', "[]"), "clause[0].reasons"),
        (GOOD.replace('["silence"]', '"silence"'), "clause[0].reasons"),
    ],
)
def test_a_wrong_file_of_clauses_is_named(tmp_path: Path, content: str, field: str) -> None:
    (tmp_path / "clauses").mkdir()
    file = tmp_path / "clauses" / "mine.toml"
    file.write_text(content)

    with pytest.raises(ProfileError) as caught:
        load_clauses("mine", tmp_path)

    assert (caught.value.problems[0].file, caught.value.field) == (str(file), field)
