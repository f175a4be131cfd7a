"""The state of a case follows from its decision, whatever the policy decides."""

from worker.domain.policy import Outcome
from worker.lifecycle.cases.case_steps import STATE_AFTER

#: Of the ticks of numbers, the events of accounts, and the dates of the shop: no case ends by them.
OF_OTHERS = {
    Outcome.FINALISED,
    Outcome.OVERDUE,
    Outcome.BALANCE_KEPT,
    Outcome.BALANCE_VOID,
    Outcome.BALANCE_FROZEN,
}


def test_every_outcome_that_a_case_can_have_leads_to_a_state() -> None:
    assert set(STATE_AFTER) == set(Outcome) - OF_OTHERS
