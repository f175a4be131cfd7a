"""The judge of each kind of case."""

from collections.abc import Mapping

from worker.lifecycle.cases.accounts import AccountEvents
from worker.lifecycle.cases.asking import Clauses
from worker.lifecycle.cases.claims import Claims
from worker.lifecycle.cases.outages import Outages
from worker.lifecycle.cases.shape import Judging
from worker.lifecycle.cases.withdrawals import Withdrawals
from worker.ports.store.case_view import CaseKind


def judges(clauses: Clauses) -> Mapping[CaseKind, Judging]:
    return {
        CaseKind.CLAIM: Claims(clauses),
        CaseKind.OUTAGE: Outages(clauses),
        CaseKind.WITHDRAWAL: Withdrawals(clauses),
        CaseKind.ACCOUNT: AccountEvents(clauses),
    }
