"""What a page says in one sentence, so that it can be read to a customer."""

from typing import Any

import pytest

from worker.domain.policy import Outcome, Reason
from worker.entrypoints.desk.sentences import blocks, case_says, late_code_says, ledger, rental_says

NUMBER = "bf083d6e-63a6-500a-9f4b-055d9e0ec753"
CASE = "57fc1c62-11fb-51fe-8d8a-ce301b03e30d"
DUE = "2026-12-03T10:05:00.000000Z"
LATER = "2026-12-03T10:06:00.000000Z"
RENTAL: dict[str, Any] = {
    "id": "0b7b4a6e-5f0f-5d43-9a51-1f0a4c9c3c11", "price_minor": 3000, "currency": "USD",
    "ended_at": None, "ends_at": DUE, "outages": [], "claims": [], "cancels": [],
}  # fmt: skip


def case(state: str, **other: Any) -> dict[str, Any]:
    decision = {"reason": other.pop("reason", ""), "outcome": "", "amount_minor": 120}
    return {
        "id": CASE, "kind": "claim", "account": "ann", "currency": "USD", "state": state,
        "moved_minor": 0, "facts": {}, "obligations": [], "evidence": [], "closed_at": None,
        "charge": "hold",
        "opened_at": DUE, "decision": {**decision, "deadline": None}, **other,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (
            case("needs_evidence", reason="video_required"),
            "The customer has to send a video of it. Until then nothing moves.",
        ),
        (
            case("in_review", obligations=[{"by_when": DUE, "ended_at": None}]),
            "A person decides it by 2026-12-03 10:05 UTC. Nothing moves until then.",
        ),
        (case("approved"), "1.20 USD is approved, and somebody has to pay it out."),
        (
            case("granted", moved_minor=1_234_567, closed_at=DUE),
            "12,345.67 USD is back on the balance since 2026-12-03 10:05 UTC.",
        ),
        (
            case("granted", moved_minor=120, closed_at=DUE, charge="external"),
            "1.20 USD is given back by the shop, as decided at 2026-12-03 10:05 UTC.",
        ),
        (
            case("paid", moved_minor=120, closed_at=DUE),
            "1.20 USD was paid out at 2026-12-03 10:05 UTC.",
        ),
        (case("denied", reason="correct_sms"), "Nothing is given: the right code came."),
        (case("denied", reason="first_only"), "Nothing is given: first only."),
        (case("cancelled"), "The customer has taken it back."),
        (
            case("done", facts={"event": "rules_block"}, reason="withdrawal_barred"),
            (
                "The account is blocked for breaking the rules: the balance can be spent, and"
                " nothing is paid out."
            ),
        ),
        (
            case("done", facts={"event": "rules_unblock"}, reason="unblocked"),
            "The block for breaking the rules is lifted.",
        ),
    ],
)
def test_a_case_is_told_in_a_sentence(told: dict[str, Any], says: str) -> None:
    assert case_says(told) == says


REVIEW = [{"by_when": DUE, "ended_at": None}]


@pytest.mark.parametrize(
    ("event", "state", "other", "says"),
    [
        (
            "law_enforcement_block",
            "in_review",
            {"reason": "policy_silent", "obligations": REVIEW},
            (
                "A freeze at the word of law enforcement was told; a person decides it by"
                " 2026-12-03 10:05 UTC."
            ),
        ),
        ("chargeback", "in_review", {}, "A payment was charged back; a person decides it."),
        (
            "chargeback",
            "denied",
            {"reason": "claim_rejected"},
            "A payment was charged back; a person refused it: it has no effect.",
        ),
        (
            "rules_block",
            "cancelled",
            {"reason": "taken_back"},
            "A block for breaking the rules was told; it was lifted before it took effect.",
        ),
        (
            "rules_block",
            "waiting",
            {"reason": "open_order_pending"},
            (
                "A block for breaking the rules was told; it waits until the open orders have"
                " ended, and goes on by itself."
            ),
        ),
        (
            "delete_requested",
            "cancelled",
            {"reason": "taken_back"},
            "The customer asked for the account to be deleted; the customer has taken it back.",
        ),
        (
            "delete_requested",
            "waiting",
            {"reason": "withdrawal_open"},
            (
                "The customer asked for the account to be deleted; it waits until the customer's"
                " open cases have ended, and goes on by itself."
            ),
        ),
        (
            "delete_requested",
            "waiting",
            {"reason": "withdrawal_offered"},
            (
                "The customer asked for the account to be deleted; 1.20 USD can be paid out"
                " before, and it goes on by itself."
            ),
        ),
        (
            "delete_withdrawn",
            "cancelled",
            {"reason": "taken_back"},
            "The customer has taken the deletion back.",
        ),
        ("idle", "in_review", {}, "The balance was idle for too long; a person decides it."),
    ],
)
def test_a_case_of_an_account_begins_with_what_happened(
    event: str, state: str, other: dict[str, Any], says: str
) -> None:
    assert case_says(case(state, kind="account", facts={"event": event}, **other)) == says


@pytest.mark.parametrize(
    ("came_at", "settled", "says"),
    [
        (LATER, ("refunded", 120), "after the deadline: it is neither shown nor charged."),
        (LATER, ("refunded", 50), "after the deadline: it is not shown, and 0.50 USD is back."),
        (LATER, ("closed", 120), "after the deadline: it is not shown, and 1.20 USD was charged."),
        (
            LATER,
            ("delivered", 120),
            "after the deadline: it is not shown, and nothing more is charged for it.",
        ),
        (LATER, None, "after the deadline: it is not shown."),
        (
            DUE,
            ("closed", 120),
            "after the number had ended: it is not shown, and 1.20 USD was charged.",
        ),
    ],
)
def test_of_a_late_code_is_said_what_became_of_the_price(
    came_at: str, settled: tuple[str, int] | None, says: str
) -> None:
    keys = ("outcome", "amount_minor")
    number = {
        "deadline_at": DUE, "price_minor": 120, "currency": "USD",
        "timeline": [{"what": "rented", "at": DUE}, {"what": "late_code", "at": came_at}],
        "settlement": None if settled is None else dict(zip(keys, settled, strict=True)),
    }  # fmt: skip

    assert late_code_says(number) == f"A code came at {came_at[:10]} {came_at[11:16]} UTC, {says}"
    assert late_code_says({**number, "timeline": []}) is None


@pytest.mark.parametrize("kind", ["claim", "account"])
@pytest.mark.parametrize("outcome", Outcome)
def test_every_reason_in_every_state_makes_a_sentence(outcome: Outcome, kind: str) -> None:
    states = (
        "waiting", "needs_evidence", "in_review", "approved", "granted", "denied", "resolved",
        "replaced", "paid", "done", "cancelled",
    )  # fmt: skip
    for reason in Reason:
        for state in states:
            told = case(state, reason=reason.value, kind=kind)
            told["decision"]["outcome"] = outcome.value
            says = case_says(told)
            assert says.endswith("."), says
            assert "_" not in says, says
            assert "{" not in says, says


def test_a_rental_that_is_down_says_since_when() -> None:
    outage = case("waiting", kind="rental_outage", facts={"contacted_at": DUE})

    assert rental_says(RENTAL) == "It is paid until 2026-12-03 10:05 UTC, for 30.00 USD."
    assert "reported as down since 2026-12-03 10:05 UTC" in rental_says(
        {**RENTAL, "outages": [outage]}
    )
    closed = {**RENTAL, "ended_at": DUE}
    assert rental_says(closed) == "It ended at 2026-12-03 10:05 UTC; 30.00 USD was paid for it."


def test_a_rental_says_what_was_given_back_of_its_price() -> None:
    outage = case("resolved", id="1", kind="rental_outage", moved_minor=300, closed_at=DUE)
    claim = case("granted", id="2", moved_minor=700, rental=RENTAL["id"])
    of_its_end = case("granted", id="3", kind="rental_end", moved_minor=2000, rental=RENTAL["id"])
    of_another = case("granted", id="4", kind="rental_end", moved_minor=50, rental=NUMBER)
    rental = {**RENTAL, "outages": [outage], "claims": [claim]}

    assert rental_says(rental) == (
        "It is paid until 2026-12-03 10:05 UTC, for 30.00 USD; 10.00 USD of that is given back."
    )
    ended = rental_says({**rental, "ended_at": DUE}, [claim, of_its_end, of_another])
    assert ended.endswith("; 30.00 USD was paid for it, and all of that is given back.")


def test_a_block_is_one_until_it_is_lifted_and_says_who_told_it() -> None:
    block = case(
        "done",
        facts={"event": "rules_block"},
        evidence=[{"by": "Mar%C3%ADa (shop)", "content": {"reference": "filter 7"}}],
    )
    lift = case("done", facts={"event": "rules_unblock"})

    (held,) = blocks([block, lift, block])

    assert held.lifted_by == "rules_unblock"
    assert held.says.endswith("by María (shop), reference filter 7.")
    assert blocks([lift, block]) == []


def test_a_line_of_the_ledger_names_what_it_is_about() -> None:
    number = {"id": NUMBER, "phone": "79461193743", "price_minor": 120}
    entry = {"at": DUE, "currency": "USD", "source": "available:ann", "destination": "held:ann"}

    def line(kind: str, about: str, minor: int, activation: str | None = None) -> Any:
        told = {"kind": kind, "key": f"{kind}:{about}", "amount_minor": minor}
        listed = [case("granted", id=CASE, kind="claim")]
        (found,) = ledger([{**entry, **told, "activation": activation}], [number], [], listed)
        return found

    held = line("hold", NUMBER, -120, NUMBER)
    kept = line("capture", NUMBER, 0, NUMBER)
    paid = line("topup", "ann%40x:pay:7", 500)
    aside = line("withhold", CASE, -500)
    assert (held.says, held.name, held.amount) == ("set aside for", "79461193743", "-1.20 USD")
    assert (kept.says, kept.amount, kept.aside) == ("kept, it is charged:", "", "1.20 USD")
    assert (paid.name, paid.to, paid.amount) == ("pay:7", None, "5.00 USD")
    back = line("claim", CASE, 120, NUMBER)
    other = line("fee", NUMBER, -5)
    assert (aside.name, aside.to) == ("a claim", f"/cases/{CASE}")
    assert (back.says, back.name, back.to) == ("given back by", "a claim", aside.to)
    assert (other.name, other.to) == ("a case", f"/cases/{NUMBER}")
