"""Two exceptions that are right one by one, and wrong for an order that both are about."""

from pathlib import Path

import pytest

from worker.domain.policy.checking import problems_of
from worker.domain.policy.language.loading import load_file

HEAD = 'sms.auto_credit_mode = "automatic"\ncancel.button = true\n'
LATE = "cancel.from_s = 900"
EARLY = "cancel.until_s = 300"


def file_of(directory: Path, *whens: tuple[str, str]) -> Path:
    file = directory / "shop.toml"
    rows = (f"[[when]]\nmatch = {{ {match} }}\n{keys}\n" for match, keys in whens)
    file.write_text(HEAD + "".join(rows))
    return file


MEETING = [
    ('service = "x"', 'country = "de"'),
    ('label = "a"', 'label = "b"'),
    ("price_from_minor = 100", "price_to_minor = 100"),
    ('operator = ["a", "b"]', 'operator = ["b", "c"]'),
]


@pytest.mark.parametrize(("one", "two"), MEETING)
def test_a_cancel_that_two_exceptions_leave_no_instant_is_a_problem(
    tmp_path: Path, one: str, two: str
) -> None:
    file = file_of(tmp_path, (one, LATE), (two, EARLY))

    (problem,) = problems_of(file)

    assert (problem.key, problem.line) == ("when[1].cancel.from_s", 8)
    assert problem.problem == "is later than cancel.until_s (300), where when[0] holds as well"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ('service = "x"', 'service = "y"'),
        ('product = "one_time"', 'product = "rental"'),
        ("price_from_minor = 101", "price_to_minor = 100"),
        ("price_to_minor = 99", "price_from_minor = 100"),
    ],
)
def test_exceptions_that_no_order_can_match_both_are_looked_at_one_by_one(
    tmp_path: Path, one: str, two: str
) -> None:
    found = problems_of(file_of(tmp_path, (one, LATE), (two, EARLY)))
    assert not any("holds as well" in problem.problem for problem in found)


def test_a_window_that_one_exception_makes_shorter_than_the_earliest_cancel_is_a_problem(
    tmp_path: Path,
) -> None:
    file = file_of(tmp_path, ('service = "x"', LATE), ('country = "de"', "sms.sms_window_s = 600"))

    (problem,) = problems_of(file)

    assert problem.problem == "is longer than the window (600 s), where when[0] holds as well"


def test_what_one_exception_says_wrong_by_itself_is_told_once(tmp_path: Path) -> None:
    both = f"{LATE}\n{EARLY}"
    file = file_of(tmp_path, ('service = "x"', both), ('country = "de"', "sms.sms_window_s = 1000"))

    assert [problem.key for problem in problems_of(file)] == ["when[0].cancel.from_s"]


def test_a_policy_in_use_is_loaded_all_the_same(tmp_path: Path) -> None:
    file = file_of(tmp_path, ('service = "x"', LATE), ('country = "de"', EARLY))
    assert len(load_file(file).whens) == 2


RENTAL_FROM = "rental.cancel_from_s = 7200"
RENTAL_UNTIL = "rental.cancel_until_s = 3600"


@pytest.mark.parametrize(
    ("text", "key", "beside"),
    [
        (f"{RENTAL_FROM}\n{RENTAL_UNTIL}", "rental.cancel_from_s", ""),
        (
            f'{RENTAL_FROM}\n[[when]]\nmatch.service = "x"\n{RENTAL_UNTIL}',
            "when[0].rental.cancel_from_s",
            "",
        ),
        (
            (
                f'rental.cancel_unless = "received"\n[[when]]\nmatch.service = "x"\n{RENTAL_FROM}\n'
                f'[[when]]\nmatch.country = "de"\n{RENTAL_UNTIL}'
            ),
            "when[1].rental.cancel_from_s",
            ", where when[0] holds as well",
        ),
    ],
)
def test_a_rental_that_can_be_given_back_at_no_instant_is_a_problem(
    tmp_path: Path, text: str, key: str, beside: str
) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(text)

    told = {(problem.key, problem.problem) for problem in problems_of(file)}

    assert (key, f"is later than rental.cancel_until_s (3600){beside}") in told
