"""The judge of each kind of case."""

from collections.abc import Mapping

from worker.lifecycle.cases.account_events import AccountEventJudge
from worker.lifecycle.cases.case_steps import KindJudge
from worker.lifecycle.cases.claims import ClaimJudge
from worker.lifecycle.cases.outages import OutageJudge
from worker.lifecycle.cases.questions import ClauseLookup
from worker.lifecycle.cases.rental_cancels import RentalCancelJudge
from worker.lifecycle.cases.withdrawals import WithdrawalJudge
from worker.ports.store.case_view import CaseKind


def judges_by_kind(clauses: ClauseLookup) -> Mapping[CaseKind, KindJudge]:
    return {
        CaseKind.CLAIM: ClaimJudge(clauses),
        CaseKind.OUTAGE: OutageJudge(clauses),
        CaseKind.RENTAL_CANCEL: RentalCancelJudge(clauses),
        CaseKind.WITHDRAWAL: WithdrawalJudge(clauses),
        CaseKind.ACCOUNT: AccountEventJudge(clauses),
    }
