"""Each cause of lost time or codes, put back, is seen by the checker that is named beside it."""

import pytest

from tests.mutation.causes import CAUSES, CHECKOUT, IN_EVERY_RUN, problem


@pytest.mark.parametrize("name", [name for name, cause in CAUSES.items() if not cause.awaited])
def test_a_cause_can_be_put_back(name: str) -> None:
    for edit in CAUSES[name].edits:
        assert edit.of((CHECKOUT / edit.file).read_text()) is not None, edit


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", IN_EVERY_RUN)
def test_a_cause_that_is_put_back_is_seen(name: str) -> None:
    assert problem(CAUSES[name]) is None
